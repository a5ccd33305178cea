#define _GNU_SOURCE
#include "CLinux.h"
#include <sched.h>

int altostack_setns_network(int descriptor) {
    return setns(descriptor, CLONE_NEWNET);
}
