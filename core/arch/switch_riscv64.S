/* SPDX-License-Identifier: MIT */
/*
 * switch_riscv64.S - the switch for the RISC-V calling convention, LP64D.
 *
 * What a context that is not running looks like, low to high:
 *
 *     sp ->  ra s0 s1 s2 ... s11  fs0 fs1 ... fs11  (unused)
 *             0  8 16 24      96  104 112      192    200      208 bytes
 *
 * Both sides of the switch have this shape at the moment sp changes, so one
 * description serves the unwinder throughout: CFA = sp + 208. gp is the same
 * everywhere, and tp belongs to the thread.
 *
 * The way out is a jump through t1, not ret: a jump through ra pops the
 * processor's return stack, which belongs to the stack that was left.
 *
 * The object says nothing of landing pads or shadow stacks: it has neither.
 */
#ifndef __riscv_float_abi_double
#error "configure --with-switch=ucontext: this is for LP64D alone"
#endif

        .text

/* Keeps register \reg at sp + \at, and says so; brings it back, likewise. */
        .macro  keep store, reg, at
        \store  \reg, \at(sp)
        .cfi_rel_offset \reg, \at
        .endm
        .macro  bring load, reg, at
        \load   \reg, \at(sp)
        .cfi_restore \reg
        .endm

        .globl  mo_switch
        .hidden mo_switch
        .type   mo_switch, @function
        .balign 32
mo_switch:                              /* a0 = save, a1 = to */
        .cfi_startproc
        addi    sp, sp, -208
        .cfi_def_cfa_offset 208
        keep    sd, ra, 0
        keep    sd, s0, 8
        keep    sd, s1, 16
        keep    sd, s2, 24
        keep    sd, s3, 32
        keep    sd, s4, 40
        keep    sd, s5, 48
        keep    sd, s6, 56
        keep    sd, s7, 64
        keep    sd, s8, 72
        keep    sd, s9, 80
        keep    sd, s10, 88
        keep    sd, s11, 96
        keep    fsd, fs0, 104
        keep    fsd, fs1, 112
        keep    fsd, fs2, 120
        keep    fsd, fs3, 128
        keep    fsd, fs4, 136
        keep    fsd, fs5, 144
        keep    fsd, fs6, 152
        keep    fsd, fs7, 160
        keep    fsd, fs8, 168
        keep    fsd, fs9, 176
        keep    fsd, fs10, 184
        keep    fsd, fs11, 192
        sd      sp, 0(a0)
        mv      sp, a1
        bring   ld, ra, 0
        bring   ld, s0, 8
        bring   ld, s1, 16
        bring   ld, s2, 24
        bring   ld, s3, 32
        bring   ld, s4, 40
        bring   ld, s5, 48
        bring   ld, s6, 56
        bring   ld, s7, 64
        bring   ld, s8, 72
        bring   ld, s9, 80
        bring   ld, s10, 88
        bring   ld, s11, 96
        bring   fld, fs0, 104
        bring   fld, fs1, 112
        bring   fld, fs2, 120
        bring   fld, fs3, 128
        bring   fld, fs4, 136
        bring   fld, fs5, 144
        bring   fld, fs6, 152
        bring   fld, fs7, 160
        bring   fld, fs8, 168
        bring   fld, fs9, 176
        bring   fld, fs10, 184
        bring   fld, fs11, 192
        addi    sp, sp, 208
        .cfi_def_cfa_offset 0
        mv      t1, ra
        jr      t1
        .cfi_endproc
        .size   mo_switch, . - mo_switch

/* Where a fresh context starts, at mo_switch_first: s1 = entry, s2 = arg. The
 * return address is undefined, which is how unwinders are told that a stack
 * ends here. They look for what calls at the byte before a return address; for
 * a context that has yet to start, that is the nop. */
        .globl  mo_switch_start
        .hidden mo_switch_start
        .type   mo_switch_start, @function
        .balign 16
mo_switch_start:
        .cfi_startproc
        .cfi_undefined ra
        nop
        .globl  mo_switch_first
        .hidden mo_switch_first
mo_switch_first:
        mv      s0, zero
        mv      a0, s2
        jalr    s1
        ebreak
        .cfi_endproc
        .size   mo_switch_start, . - mo_switch_start

/* a0 = sp of a context that is not running, a1 = fn, a2 = arg. While fn runs,
 * the table says that the caller is that context: its frame as drawn above,
 * with s1 for sp. */
        .globl  mo_switch_walk
        .hidden mo_switch_walk
        .type   mo_switch_walk, @function
        .balign 16
mo_switch_walk:
        .cfi_startproc
        addi    sp, sp, -16
        .cfi_def_cfa_offset 16
        keep    sd, ra, 8
        keep    sd, s1, 0
        mv      s1, a0
        mv      a0, a2
        .cfi_remember_state
        .cfi_def_cfa s1, 208
        .cfi_offset ra, -208
        .cfi_offset s0, -200
        .cfi_offset s1, -192
        .cfi_offset s2, -184
        .cfi_offset s3, -176
        .cfi_offset s4, -168
        .cfi_offset s5, -160
        .cfi_offset s6, -152
        .cfi_offset s7, -144
        .cfi_offset s8, -136
        .cfi_offset s9, -128
        .cfi_offset s10, -120
        .cfi_offset s11, -112
        .cfi_offset fs0, -104
        .cfi_offset fs1, -96
        .cfi_offset fs2, -88
        .cfi_offset fs3, -80
        .cfi_offset fs4, -72
        .cfi_offset fs5, -64
        .cfi_offset fs6, -56
        .cfi_offset fs7, -48
        .cfi_offset fs8, -40
        .cfi_offset fs9, -32
        .cfi_offset fs10, -24
        .cfi_offset fs11, -16
        jalr    a1
        .cfi_restore_state
        bring   ld, s1, 0
        bring   ld, ra, 8
        addi    sp, sp, 16
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   mo_switch_walk, . - mo_switch_walk

        .section .note.GNU-stack, "", @progbits
