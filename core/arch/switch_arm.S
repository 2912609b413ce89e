/* SPDX-License-Identifier: MIT */
/*
 * switch_arm.S - the switch for the Arm 32-bit procedure call standard, with
 * floating point in registers (armhf).
 *
 * What a context that is not running looks like, low to high:
 *
 *     sp ->  d8 d9 ... d15  (r3) r4 r5 ... r11  return address
 *             0  8      56   64  68 72     96   100             104 bytes
 *
 * r3 is there to keep sp a multiple of 8. Both sides of the switch have this
 * shape at the moment sp changes, so one description serves debuggers
 * throughout: CFA = sp + 104. Exceptions have tables of their own on this
 * machine, in .ARM.exidx, which hold at calls alone: .save and the like.
 *
 * The way out is a jump through r12: one through lr, or a pop of pc, would be
 * taken for a return, and the processor's return stack belongs to the stack
 * that was left.
 */
#ifndef __ARM_PCS_VFP
#error "configure --with-switch=ucontext: this is for armhf alone"
#endif

        .syntax unified
        .arm
        .fpu    vfpv3-d16
        .text
        .cfi_sections .debug_frame

        .globl  mo_switch
        .hidden mo_switch
        .type   mo_switch, %function
        .balign 32
mo_switch:                              /* r0 = save, r1 = to */
        .fnstart
        .cfi_startproc
        push    {r3-r11, lr}
        .save   {r3-r11, lr}
        .cfi_def_cfa_offset 40
        .cfi_rel_offset r4, 4
        .cfi_rel_offset r5, 8
        .cfi_rel_offset r6, 12
        .cfi_rel_offset r7, 16
        .cfi_rel_offset r8, 20
        .cfi_rel_offset r9, 24
        .cfi_rel_offset r10, 28
        .cfi_rel_offset r11, 32
        .cfi_rel_offset lr, 36
        vpush   {d8-d15}
        .vsave  {d8-d15}
        .cfi_def_cfa_offset 104
        .cfi_rel_offset 264, 0          /* DWARF: d0 is 256 */
        .cfi_rel_offset 265, 8
        .cfi_rel_offset 266, 16
        .cfi_rel_offset 267, 24
        .cfi_rel_offset 268, 32
        .cfi_rel_offset 269, 40
        .cfi_rel_offset 270, 48
        .cfi_rel_offset 271, 56
        str     sp, [r0]
        mov     sp, r1
        vpop    {d8-d15}
        .cfi_def_cfa_offset 40
        .cfi_restore 264
        .cfi_restore 265
        .cfi_restore 266
        .cfi_restore 267
        .cfi_restore 268
        .cfi_restore 269
        .cfi_restore 270
        .cfi_restore 271
        pop     {r3-r11, r12}
        .cfi_def_cfa_offset 0
        .cfi_restore r4
        .cfi_restore r5
        .cfi_restore r6
        .cfi_restore r7
        .cfi_restore r8
        .cfi_restore r9
        .cfi_restore r10
        .cfi_restore r11
        .cfi_register lr, r12
        bx      r12
        .cfi_endproc
        .fnend
        .size   mo_switch, . - mo_switch

/* Where a fresh context starts, at mo_switch_first: r4 = entry, r5 = arg.
 * Nothing is above it, as both kinds of table say. Unwinders look for what
 * calls before a return address; for a context that has yet to start, that is
 * the nop. */
        .globl  mo_switch_start
        .hidden mo_switch_start
        .type   mo_switch_start, %function
        .balign 16
mo_switch_start:
        .fnstart
        .cantunwind
        .cfi_startproc
        .cfi_undefined lr
        nop
        .globl  mo_switch_first
        .hidden mo_switch_first
        .type   mo_switch_first, %function
mo_switch_first:
        mov     r11, #0
        mov     lr, #0
        mov     r0, r5
        blx     r4
        udf     #0
        .cfi_endproc
        .fnend
        .size   mo_switch_start, . - mo_switch_start

/* r0 = sp of a context that is not running, r1 = fn, r2 = arg. While fn runs,
 * the tables say that the caller is that context: its frame as drawn above,
 * with r4 for sp. */
        .globl  mo_switch_walk
        .hidden mo_switch_walk
        .type   mo_switch_walk, %function
        .balign 16
mo_switch_walk:
        .fnstart
        .save   {r3-r11, lr}
        .vsave  {d8-d15}
        .movsp  r4
        .cfi_startproc
        push    {r4, lr}
        .cfi_def_cfa_offset 8
        .cfi_rel_offset r4, 0
        .cfi_rel_offset lr, 4
        mov     r4, r0
        mov     r0, r2
        .cfi_remember_state
        .cfi_def_cfa r4, 104
        .cfi_offset 264, -104
        .cfi_offset 265, -96
        .cfi_offset 266, -88
        .cfi_offset 267, -80
        .cfi_offset 268, -72
        .cfi_offset 269, -64
        .cfi_offset 270, -56
        .cfi_offset 271, -48
        .cfi_offset r4, -36
        .cfi_offset r5, -32
        .cfi_offset r6, -28
        .cfi_offset r7, -24
        .cfi_offset r8, -20
        .cfi_offset r9, -16
        .cfi_offset r10, -12
        .cfi_offset r11, -8
        .cfi_offset lr, -4
        blx     r1
        .cfi_restore_state
        pop     {r4, pc}
        .cfi_endproc
        .fnend
        .size   mo_switch_walk, . - mo_switch_walk

        .section .note.GNU-stack, "", %progbits
