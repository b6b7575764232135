#include "<HEADER>"
float NAME_unit_probability(const char *s, size_t n);
float NAME_unit_probability(const char *s, size_t n)
{
    return NAME_probability(s, n);
}
int NAME_unit_predict(const char *s, size_t n);
int NAME_unit_predict(const char *s, size_t n)
{
    return NAME_predict(s, n);
}
