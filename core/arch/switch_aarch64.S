/* SPDX-License-Identifier: MIT */
/*
 * switch_aarch64.S - the switch for the Arm 64-bit procedure call standard.
 *
 * What a context that is not running looks like, low to high:
 *
 *     sp ->  x29 x30  x19 x20 ... x28  d8 d9 ... d15
 *             0   8   16  24      88   96 104    152      160 bytes
 *
 * Both sides of the switch have this shape at the moment sp changes, so one
 * description serves the unwinder throughout: CFA = sp + 160. Of the vector
 * registers the standard keeps the lower halves of v8 to v15, and no more.
 *
 * The way out is a jump, not ret: the processor's return stack belongs to the
 * stack that was left, and a ret through it would mispredict each time. But a
 * jump may only land where a guarded page has a BTI, which return addresses
 * have not; so a build with branch protection returns by ret, and only such a
 * one carries the BTI property. Where return addresses are to be signed, x30
 * is signed while it lies on the stack; the modifier is sp + 160.
 */
#if defined(__ARM_FEATURE_BTI_DEFAULT) && __ARM_FEATURE_BTI_DEFAULT
#define LANDING hint #34                /* bti c */
#define LEAVE ret
#define WITH_BTI 1
#else
#define LANDING
#define LEAVE br x30
#define WITH_BTI 0
#endif

#if defined(__ARM_FEATURE_PAC_DEFAULT) && __ARM_FEATURE_PAC_DEFAULT
#define SIGN hint #25; .cfi_negate_ra_state         /* paciasp */
#define CHECK hint #29; .cfi_negate_ra_state        /* autiasp */
#define WITH_PAC 2
#else
#define SIGN
#define CHECK
#define WITH_PAC 0
#endif

        .text

        .globl  mo_switch
        .hidden mo_switch
        .type   mo_switch, %function
        .balign 32
mo_switch:                              /* x0 = save, x1 = to */
        .cfi_startproc
        LANDING
        SIGN
        stp     x29, x30, [sp, #-160]!
        .cfi_def_cfa_offset 160
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        stp     x19, x20, [sp, #16]
        .cfi_rel_offset x19, 16
        .cfi_rel_offset x20, 24
        stp     x21, x22, [sp, #32]
        .cfi_rel_offset x21, 32
        .cfi_rel_offset x22, 40
        stp     x23, x24, [sp, #48]
        .cfi_rel_offset x23, 48
        .cfi_rel_offset x24, 56
        stp     x25, x26, [sp, #64]
        .cfi_rel_offset x25, 64
        .cfi_rel_offset x26, 72
        stp     x27, x28, [sp, #80]
        .cfi_rel_offset x27, 80
        .cfi_rel_offset x28, 88
        stp     d8, d9, [sp, #96]
        .cfi_rel_offset 72, 96          /* DWARF: v0 is 64 */
        .cfi_rel_offset 73, 104
        stp     d10, d11, [sp, #112]
        .cfi_rel_offset 74, 112
        .cfi_rel_offset 75, 120
        stp     d12, d13, [sp, #128]
        .cfi_rel_offset 76, 128
        .cfi_rel_offset 77, 136
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset 78, 144
        .cfi_rel_offset 79, 152
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        ldp     x19, x20, [sp, #16]
        .cfi_restore x19
        .cfi_restore x20
        ldp     x21, x22, [sp, #32]
        .cfi_restore x21
        .cfi_restore x22
        ldp     x23, x24, [sp, #48]
        .cfi_restore x23
        .cfi_restore x24
        ldp     x25, x26, [sp, #64]
        .cfi_restore x25
        .cfi_restore x26
        ldp     x27, x28, [sp, #80]
        .cfi_restore x27
        .cfi_restore x28
        ldp     d8, d9, [sp, #96]
        .cfi_restore 72
        .cfi_restore 73
        ldp     d10, d11, [sp, #112]
        .cfi_restore 74
        .cfi_restore 75
        ldp     d12, d13, [sp, #128]
        .cfi_restore 76
        .cfi_restore 77
        ldp     d14, d15, [sp, #144]
        .cfi_restore 78
        .cfi_restore 79
        ldp     x29, x30, [sp], #160
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        CHECK
        LEAVE
        .cfi_endproc
        .size   mo_switch, . - mo_switch

/* Where a fresh context starts, at mo_switch_first: x19 = entry, x20 = arg.
 * The return address is undefined, which is how unwinders are told that a
 * stack ends here. They look for what calls at the byte before a return
 * address; for a context that has yet to start, that is the nop. */
        .globl  mo_switch_start
        .hidden mo_switch_start
        .type   mo_switch_start, %function
        .balign 16
mo_switch_start:
        .cfi_startproc
        .cfi_undefined x30
        nop
        .globl  mo_switch_first
        .hidden mo_switch_first
mo_switch_first:
        LANDING
        mov     x29, xzr
        mov     x30, xzr
        mov     x0, x20
        blr     x19
        brk     #1
        .cfi_endproc
        .size   mo_switch_start, . - mo_switch_start

/* x0 = sp of a context that is not running, x1 = fn, x2 = arg. While fn runs,
 * the table says that the caller is that context: its frame as drawn above,
 * with x19 for sp. */
        .globl  mo_switch_walk
        .hidden mo_switch_walk
        .type   mo_switch_walk, %function
        .balign 16
mo_switch_walk:
        .cfi_startproc
        LANDING
        SIGN
        stp     x29, x30, [sp, #-32]!
        .cfi_def_cfa_offset 32
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        str     x19, [sp, #16]
        .cfi_rel_offset x19, 16
        mov     x29, sp
        mov     x19, x0
        mov     x0, x2
        .cfi_remember_state
        .cfi_def_cfa x19, 160
        .cfi_offset x29, -160
        .cfi_offset x30, -152
        .cfi_offset x19, -144
        .cfi_offset x20, -136
        .cfi_offset x21, -128
        .cfi_offset x22, -120
        .cfi_offset x23, -112
        .cfi_offset x24, -104
        .cfi_offset x25, -96
        .cfi_offset x26, -88
        .cfi_offset x27, -80
        .cfi_offset x28, -72
        .cfi_offset 72, -64
        .cfi_offset 73, -56
        .cfi_offset 74, -48
        .cfi_offset 75, -40
        .cfi_offset 76, -32
        .cfi_offset 77, -24
        .cfi_offset 78, -16
        .cfi_offset 79, -8
        blr     x1
        .cfi_restore_state
        ldr     x19, [sp, #16]
        .cfi_restore x19
        ldp     x29, x30, [sp], #32
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        CHECK
        ret
        .cfi_endproc
        .size   mo_switch_walk, . - mo_switch_walk

/* GNU_PROPERTY_AARCH64_FEATURE_1_AND: what every page of this object bears. */
#if WITH_BTI || WITH_PAC
        .section .note.gnu.property, "a", %note
        .balign 8
        .word   4, 16, 5                /* name, descriptor, type */
        .asciz  "GNU"
        .word   0xc0000000, 4, WITH_BTI | WITH_PAC, 0
#endif

        .section .note.GNU-stack, "", %progbits
