#define _GNU_SOURCE
#include "CLinux.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

int altostack_niceness(int wanted) {
    int former = getpriority(PRIO_PROCESS, 0);
    if (former != wanted) (void)setpriority(PRIO_PROCESS, 0, wanted);
    return former;
}

int altostack_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}
