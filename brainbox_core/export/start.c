/* Start-up code for Cortex-M3 and M4F: memory, FPU, semihosting output, and counting instructions under QEMU. */
#include <stddef.h>
#include <stdint.h>

int main(void);
void board_reset(void);
void board_fault(void);
void board_number(const char *label, uint32_t value);
void board_begin(void);
uint32_t board_instructions(void);
uint32_t board_stack(void);
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);

extern uint32_t board_data_load[], board_data_start[], board_data_end[], board_bss_start[], board_bss_end[];
extern uint32_t board_stack_top[];

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    board_stack_top, (const void *)board_reset, (const void *)board_fault, (const void *)board_fault,
    (const void *)board_fault, (const void *)board_fault, (const void *)board_fault
};

#define SYSTICK ((volatile uint32_t *)0xE000E010u) /* control, reload, value */
#define PAINT 0xA5A5A5A5u

static uint32_t calibration, painted_top;

static int host(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void stop(uint32_t code)
{
    uint32_t block[2];
    block[0] = 0x20026u; /* the application ended */
    block[1] = code;
    for (;;) {
        (void)host(0x20, block);
    }
}

void board_number(const char *label, uint32_t value)
{
    char text[12];
    int i = 11;
    text[i] = 0;
    text[--i] = '\n';
    do {
        text[--i] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    (void)host(0x04, label);
    (void)host(0x04, " = ");
    (void)host(0x04, text + i);
}

static uint32_t ticks(void)
{
    return 0xFFFFFFu - SYSTICK[2];
}

static void start_ticks(void)
{
    SYSTICK[0] = 0u;
    SYSTICK[1] = 0xFFFFFFu;
    SYSTICK[2] = 0u;
    SYSTICK[0] = 5u; /* count the processor's clock, no interrupt */
}

/* Paints what is free of the stack, finds out how many ticks a million instructions take, and starts to count. */
__attribute__((noinline)) void board_begin(void)
{
    uint32_t rounds = 500000u, *word;
    start_ticks();
    __asm__ volatile("1: subs %0, %0, #1\n bne 1b" : "+r"(rounds) : : "cc");
    calibration = ticks();
    __asm__ volatile("mov %0, sp" : "=r"(painted_top));
    for (word = board_bss_end; word < (uint32_t *)(painted_top - 64u); word++) {
        *(volatile uint32_t *)word = PAINT;
    }
    start_ticks();
}

/* Since board_begin. */
__attribute__((noinline)) uint32_t board_instructions(void)
{
    const uint32_t count = ticks();
    if (SYSTICK[0] & 0x10000u) {
        return 0xFFFFFFFFu; /* the counter has run over */
    }
    return (uint32_t)((uint64_t)count * 1000000u / calibration);
}

/* Bytes below the caller's part of the stack that were written since board_begin. */
__attribute__((noinline)) uint32_t board_stack(void)
{
    const uint32_t *word = board_bss_end;
    while (word < (const uint32_t *)painted_top && *word == PAINT) {
        word++;
    }
    return painted_top - (uint32_t)word;
}

void board_fault(void)
{
    (void)host(0x04, "the processor faulted\n");
    stop(86u);
}

void board_reset(void)
{
    const uint32_t *from = board_data_load;
    uint32_t *to;
    for (to = board_data_start; to < board_data_end; to++) {
        *to = *from++;
    }
    for (to = board_bss_start; to < board_bss_end; to++) {
        *(volatile uint32_t *)to = 0u;
    }
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88u |= 0xF00000u; /* switch the floating-point unit on */
    __asm__ volatile("dsb\n isb");
#endif
    stop((uint32_t)main());
}

/* The compiler may call these two; it must not make calls of themselves out of their loops. */
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memcpy(void *to, const void *from, size_t n)
{
    unsigned char *d = (unsigned char *)to;
    const unsigned char *s = (const unsigned char *)from;
    while (n--) {
        *d++ = *s++;
    }
    return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int value, size_t n)
{
    unsigned char *d = (unsigned char *)to;
    while (n--) {
        *d++ = (unsigned char)value;
    }
    return to;
}
