#define _GNU_SOURCE
#include "CLinux.h"
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>

int altostack_unshare_mounts(void) {
    // Threads share their root and working directory, which the kernel wants unshared before the mounts are. What is
    // mounted outside later shall still be seen inside, hence slave and not private.
    if (unshare(CLONE_FS | CLONE_NEWNS) != 0) return -1;
    return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
}

int altostack_bind_mount(const char *source, const char *target) {
    return mount(source, target, NULL, MS_BIND, NULL);
}
