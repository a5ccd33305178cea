#define _GNU_SOURCE
#include "CLinux.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

int altostack_reserve(int descriptor, off_t length) {
    return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, length);
}

int altostack_begin_write_back(int descriptor, off_t offset, off_t length) {
    return sync_file_range(descriptor, offset, length, SYNC_FILE_RANGE_WRITE);
}

int altostack_clone_file(int source, int target) {
    return ioctl(target, FICLONE, source);
}

int altostack_punch(int descriptor, off_t offset, off_t length) {
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}
