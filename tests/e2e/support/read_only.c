/* Preloaded into a server, this makes its disk read-only while the file is there that READ_ONLY_WHILE
 * names: as a kernel does that has found an error on it, with all files open (errors=remount-ro). Only
 * what SQLite writes with is caught, and new files of that folder; logs are written on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_read_only(void) {
    const char *file = getenv("READ_ONLY_WHILE");
    return file != NULL && access(file, F_OK) == 0;
}

#define REFUSED() (is_read_only() && ((errno = EROFS), 1))
#define REAL(name) dlsym(RTLD_NEXT, name)

ssize_t pwrite(int file, const void *octets, size_t count, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) = REAL("pwrite");
    return REFUSED() ? -1 : real(file, octets, count, at);
}

ssize_t pwrite64(int file, const void *octets, size_t count, off64_t at) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = REAL("pwrite64");
    return REFUSED() ? -1 : real(file, octets, count, at);
}

int ftruncate(int file, off_t length) {
    int (*real)(int, off_t) = REAL("ftruncate");
    return REFUSED() ? -1 : real(file, length);
}

int ftruncate64(int file, off64_t length) {
    int (*real)(int, off64_t) = REAL("ftruncate64");
    return REFUSED() ? -1 : real(file, length);
}

static int open_as(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = REAL(name);
    int writes = (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
    int is_store = strstr(path, "/firebell.db") != NULL;
    return writes && is_store && REFUSED() ? -1 : real(path, flags, mode);
}

#define OPEN(name)                                                  \
    int name(const char *path, int flags, ...) {                    \
        va_list more;                                               \
        va_start(more, flags);                                      \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;   \
        va_end(more);                                               \
        return open_as(#name, path, flags, mode);                   \
    }
OPEN(open)
OPEN(open64)
