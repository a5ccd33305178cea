#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>

int altostack_setns_network(int descriptor) {
    return setns(descriptor, CLONE_NEWNET);
}

int altostack_clock_is_synchronised(void) {
    struct timex state = {0};
    return adjtimex(&state) != TIME_ERROR;
}

int altostack_pipe(int descriptors[2]) {
    return pipe2(descriptors, O_CLOEXEC);
}

int altostack_spawn(
    const char *path, char *const arguments[], char *const environment[], int input, int output, int error,
    int new_session, pid_t *child) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    int result = posix_spawn_file_actions_init(&actions);
    if (result != 0) { errno = result; return -1; }
    result = posix_spawnattr_init(&attributes);
    if (result != 0) { posix_spawn_file_actions_destroy(&actions); errno = result; return -1; }
    flags |= new_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    result = posix_spawnattr_setflags(&attributes, flags);
    if (result == 0) result = posix_spawn_file_actions_adddup2(&actions, input, 0);
    if (result == 0) result = posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (result == 0) result = posix_spawn_file_actions_adddup2(&actions, error, 2);
    if (result == 0) result = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    // What is started by a thread that stands behind others must not do so for ever.
    int niceness = altostack_niceness(0);
    if (result == 0) result = posix_spawn(child, path, &actions, &attributes, arguments, environment);
    altostack_niceness(niceness);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0) { errno = result; return -1; }
    return 0;
}

static int named(struct ifreq *request, const char *name) {
    memset(request, 0, sizeof *request);
    if (strlen(name) >= sizeof request->ifr_name) { errno = ENAMETOOLONG; return -1; }
    strcpy(request->ifr_name, name);
    return 0;
}

static int close_keeping_errno(int descriptor, int result) {
    int saved = errno;
    close(descriptor);
    errno = saved;
    return result;
}

// Opens a tap device, which makes it where there is none.
static int open_tap(const char *name, short kind) {
    struct ifreq request;
    if (named(&request, name) < 0) return -1;
    int descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return -1;
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | kind;
    return ioctl(descriptor, TUNSETIFF, &request) < 0 ? close_keeping_errno(descriptor, -1) : descriptor;
}

static int is_device(const char *name) {
    struct ifreq request;
    if (named(&request, name) < 0) return 0;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return 0;
    return close_keeping_errno(descriptor, ioctl(descriptor, SIOCGIFINDEX, &request) == 0);
}

static int keep_tap(int descriptor, unsigned long keep, int result) {
    return close_keeping_errno(descriptor, ioctl(descriptor, TUNSETPERSIST, keep) < 0 ? -1 : result);
}

int altostack_tap_create(const char *name, int queues) {
    int descriptor = open_tap(name, 0);
    if (descriptor < 0) {
        // A guest that runs on the device keeps it busy: then it is there, and persistent already.
        if (errno == EBUSY) return 0;
        // One that can have several queues can't be opened otherwise, which leaves it and who has it open alone.
        if (errno != EINVAL) return -1;
        if (!is_device(name)) { errno = EINVAL; return -1; }
        if (queues != 0) return 1;
        descriptor = open_tap(name, IFF_MULTI_QUEUE);
        if (descriptor < 0) return -1;
    } else if (queues <= 0) {
        return keep_tap(descriptor, 1, 0);
    }
    // What isn't kept goes with the last who has it open.
    if (keep_tap(descriptor, 0, 0) < 0) return -1;
    descriptor = open_tap(name, queues ? IFF_MULTI_QUEUE : 0);
    return descriptor < 0 ? -1 : keep_tap(descriptor, 1, queues);
}

int altostack_transmit_checksum_off(const char *name) {
    struct ifreq request;
    struct ethtool_value value = {.cmd = ETHTOOL_STXCSUM, .data = 0};
    if (named(&request, name) < 0) return -1;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    request.ifr_data = (void *)&value;
    int result = ioctl(descriptor, SIOCETHTOOL, &request);
    return close_keeping_errno(descriptor, result < 0 ? -1 : 0);
}

int altostack_generic_netlink_family(const char *name) {
    struct {
        struct nlmsghdr header;
        struct genlmsghdr generic;
        struct nlattr attribute;
        char name[GENL_NAMSIZ];
    } request = {0};
    char answer[8192];
    struct timeval patience = {.tv_sec = 2, .tv_usec = 0};
    size_t length = strlen(name) + 1;
    if (length > sizeof request.name) return 0;
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    if (descriptor < 0) return 0;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    request.header.nlmsg_type = GENL_ID_CTRL;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.generic.cmd = CTRL_CMD_GETFAMILY;
    request.generic.version = 1;
    request.attribute.nla_type = CTRL_ATTR_FAMILY_NAME;
    request.attribute.nla_len = (unsigned short)(NLA_HDRLEN + length);
    memcpy(request.name, name, length);
    request.header.nlmsg_len = (unsigned int)(NLMSG_LENGTH(GENL_HDRLEN) + NLMSG_ALIGN(request.attribute.nla_len));
    int found = 0;
    if (send(descriptor, &request, request.header.nlmsg_len, 0) >= 0) {
        ssize_t received = recv(descriptor, answer, sizeof answer, 0);
        struct nlmsghdr *header = (struct nlmsghdr *)answer;
        found = received >= (ssize_t)sizeof *header && header->nlmsg_type == GENL_ID_CTRL;
    }
    return close_keeping_errno(descriptor, found);
}
