#include "<HEADER>"
int NAME_unit_run(const NAME_input_t *x, NAME_output_t *y, NAME_arena_t *arena);
int NAME_unit_run(const NAME_input_t *x, NAME_output_t *y, NAME_arena_t *arena)
{
    return NAME_run(x, y, arena);
}
