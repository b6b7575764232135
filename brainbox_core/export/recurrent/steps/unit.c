#include "<HEADER>"
int NAME_unit_next(NAME_state_t *state, <PARAMETER>, float *y, NAME_arena_t *arena);
int NAME_unit_next(NAME_state_t *state, <PARAMETER>, float *y, NAME_arena_t *arena)
{
    return NAME_step(state, x, y, arena);
}
void NAME_unit_reset(NAME_state_t *state);
void NAME_unit_reset(NAME_state_t *state)
{
    NAME_reset(state);
}
