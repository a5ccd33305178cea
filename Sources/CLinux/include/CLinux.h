#ifndef ALTOSTACK_CLINUX_H
#define ALTOSTACK_CLINUX_H
#include <spawn.h>
#include <sys/types.h>
// The few Linux calls that Swift's importer drops (variadic functions, cast macros, _GNU_SOURCE only). Each returns 0 or
// a descriptor, or -1 and errno.

// Moves the calling thread into a network namespace.
int altostack_setns_network(int descriptor);

// Makes a pipe that programs we start do not inherit.
int altostack_pipe(int descriptors[2]);

// Sets the calling thread's niceness where that is permitted; to make it less takes a privilege. Returns what it was.
int altostack_niceness(int wanted);

// Starts a program without a shell: arguments and environment end with NULL. The child has the three descriptors as its
// standard ones and no others, default signal handling, no niceness where that is permitted, and a process group or, if so wished, a session of its own.
int altostack_spawn(
    const char *path, char *const arguments[], char *const environment[], int input, int output, int error,
    int new_session, pid_t *child);

// Makes a persistent tap device of a name in the calling thread's network namespace, or finds the one that is there.
// `queues` says whether it can have several queues: 0 no, 1 yes, -1 as it is. One of the other kind is replaced, unless
// it has one queue and a guest runs on it. Returns whether it can have several, or -1.
int altostack_tap_create(const char *name, int queues);

// Lets the kernel compute transmitted checksums itself instead of leaving them to a device's other side.
int altostack_transmit_checksum_off(const char *name);

// Whether a generic netlink family, such as a kernel datapath's, is registered: 1 or 0.
int altostack_generic_netlink_family(const char *name);

// Whether the kernel has been told that its clock is synchronised: 1 or 0.
int altostack_clock_is_synchronised(void);

// Gives the calling thread, and what it starts, a view of the mounts of its own.
int altostack_unshare_mounts(void);

// Lays a folder over another one.
int altostack_bind_mount(const char *source, const char *target);

// Makes a started program close every file from this number on. An error number on failure.
int altostack_spawn_close_from(posix_spawn_file_actions_t *actions, int first);

// Takes room on the disk for a file beforehand, without changing its length.
int altostack_reserve(int descriptor, off_t length);

// Lets an empty file share all of another's bytes, where the file system can (Linux's FICLONE).
int altostack_clone_file(int source, int target);

// Makes a part of a file a hole, which reads as zeros; the length stays.
int altostack_punch(int descriptor, off_t offset, off_t length);

// Tells the disk to begin writing a part of a file; does not wait for it.
int altostack_begin_write_back(int descriptor, off_t offset, off_t length);

// Gives back what was allocated and freed (malloc_trim(3)), and unmaps the pages of the program's and its libraries' code: those
// that are used come back from the page cache by themselves (madvise(2), MADV_DONTNEED).
void altostack_release_memory(void);

#endif
