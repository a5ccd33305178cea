#ifndef ALTOSTACK_CLINUX_H
#define ALTOSTACK_CLINUX_H
// The few Linux calls that Swift's importer drops (variadic functions, cast macros, _GNU_SOURCE only).
int altostack_setns_network(int descriptor);
#endif
