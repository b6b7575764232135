#include "<HEADER>"
void NAME_unit_reset(NAME_state_t *state, NAME_rng_t *rng);
void NAME_unit_reset(NAME_state_t *state, NAME_rng_t *rng)
{
    NAME_reset(state);
    NAME_seed(rng, 0u);
}
const char *NAME_unit_next(NAME_state_t *state, int *token, float *y, NAME_rng_t *rng, NAME_arena_t *arena);
const char *NAME_unit_next(NAME_state_t *state, int *token, float *y, NAME_rng_t *rng, NAME_arena_t *arena)
{
    (void)NAME_step(state, *token, y, arena);
    *token = NAME_sample(y, 0.7f, rng);
    return NAME_character(*token);
}
