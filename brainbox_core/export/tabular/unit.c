#include "<HEADER>"
<TYPE> NAME_unit_run(const float features[UPPER_INPUT_SIZE]);
<TYPE> NAME_unit_run(const float features[UPPER_INPUT_SIZE])
{
    return NAME_predict(features);
}
