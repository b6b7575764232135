/* Loaded before the C library: lets the n-th call that touches a folder fail, and says which calls there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char folder[4096], names[1 << 16];
static long failing, seen;
static int number;
static char ours[1 << 16]; /* by descriptor: whether it is of a file in the folder */

/* From now on the call `which` in `path`, counted from 1, fails with an error; none does for 0. */
void watch(const char *path, long which, int error) {
    strncpy(folder, path, sizeof folder - 1);
    failing = which, number = error, seen = 0, names[0] = 0;
    memset(ours, 0, sizeof ours);
}

const char *called(void) {
    folder[0] = 0;
    return names;
}

static int below(const char *path) { return folder[0] && !strncmp(path, folder, strlen(folder)); }

static int fails(int watched, const char *name) {
    if (!watched)
        return 0;
    if (strlen(names) + strlen(name) + 2 < sizeof names)
        strcat(strcat(names, name), " ");
    if (++seen != failing)
        return 0;
    errno = number;
    return 1;
}

static int opened(const char *path, int flags, mode_t mode) {
    static int (*real)(const char *, int, ...);
    if (!real)
        real = dlsym(RTLD_NEXT, "open64");
    if (fails(below(path), flags & O_CREAT ? "create" : "open"))
        return -1;
    int descriptor = real(path, flags, mode);
    if (descriptor >= 0 && descriptor < (int)sizeof ours)
        ours[descriptor] = below(path);
    return descriptor;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                                      \
        va_end(rest);                                                                                                  \
        return opened(path, flags, mode);                                                                              \
    }
OPEN(open)
OPEN(open64)

#define CALL(type, name, parameters, arguments, watched)                                                               \
    type name parameters {                                                                                             \
        static type(*real) parameters;                                                                                 \
        if (!real)                                                                                                     \
            real = dlsym(RTLD_NEXT, #name);                                                                            \
        return fails(watched, #name) ? -1 : real arguments;                                                            \
    }
#define OURS(descriptor) (folder[0] && (descriptor) >= 0 && (descriptor) < (int)sizeof ours && ours[descriptor])
CALL(ssize_t, write, (int d, const void *data, size_t size), (d, data, size), OURS(d))
CALL(int, fsync, (int d), (d), OURS(d))
CALL(int, fchmod, (int d, mode_t mode), (d, mode), OURS(d))
CALL(int, fchown, (int d, uid_t user, gid_t group), (d, user, group), OURS(d))
CALL(int, ftruncate64, (int d, off_t size), (d, size), OURS(d))
CALL(int, rename, (const char *a, const char *b), (a, b), below(b))
CALL(int, link, (const char *a, const char *b), (a, b), below(b))
CALL(int, linkat, (int x, const char *a, int y, const char *b, int flags), (x, a, y, b, flags), below(b))
CALL(int, unlink, (const char *a), (a), below(a))
CALL(int, rmdir, (const char *a), (a), below(a))
CALL(int, mkdir, (const char *a, mode_t mode), (a, mode), below(a))

int close(int descriptor) {
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "close");
    int failed = fails(OURS(descriptor), "close");
    if (descriptor >= 0 && descriptor < (int)sizeof ours)
        ours[descriptor] = 0;
    int result = real(descriptor); /* closed in any case, as on Linux */
    if (failed)
        errno = number;
    return failed ? -1 : result;
}
