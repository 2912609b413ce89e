/* SPDX-License-Identifier: MIT */
/*
 * faults.h - the operating system and the C library say no, at the call that
 * the test names.
 *
 * A program that links faults.c has these functions in place of libc's, for
 * itself and for the libraries it uses; calls inside of libc are seen only
 * where they allocate. Sanitizers have their own in that place: FAULTS_WORK is
 * 0 then, and tests skip.
 *
 * As a module for LD_PRELOAD it serves programs that know nothing of it:
 * MO_FAULTS="KINDS FIRST N FD" in the environment, and struct faults_count is
 * written to the descriptor FD when the program exits.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdint.h>

#if defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD)
#define FAULTS_WORK 0
#else
#define FAULTS_WORK 1
#endif

enum faults_kind {
    FAULTS_MEMORY = 1,              /* malloc and its family: ENOMEM */
    FAULTS_PAGES = 2,               /* mmap, mprotect, madvise: ENOMEM */
    FAULTS_FILES = 4,               /* open, scandir: EMFILE; read: EIO */
    FAULTS_THREADS = 8,             /* pthread_create, fork: EAGAIN */
    FAULTS_REST = 16                /* getrandom, sched_getaffinity, locks */
};

#define FAULTS_ALWAYS UINT64_MAX

/* From now on, the `first`th call of these kinds and those after it, `n` in
 * all, fail; first 0: none does, they are counted. */
void faults_begin(uint32_t kinds, uint64_t first, uint64_t n);

struct faults_count {
    uint64_t asked;                 /* calls since faults_begin */
    int64_t blocks;                 /* of memory in use, since the start of */
    int64_t maps;                   /* the program; likewise mmap's */
};

struct faults_count faults_end(void);

#endif
