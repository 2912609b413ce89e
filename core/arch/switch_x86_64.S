/* SPDX-License-Identifier: MIT */
/*
 * switch_x86_64.S - the switch for the System V ABI, AMD64.
 *
 * What a context that is not running looks like, low to high:
 *
 *     sp ->  r15 r14 r13 r12 rbx rbp  return address
 *             0   8  16  24  32  40   48
 *
 * Both sides of the switch have this shape at the moment rsp changes, so one
 * description serves the unwinder throughout: CFA = rsp + 56. The return is
 * pop and jmp, not ret: the processor's return stack belongs to the stack that
 * was left, and a ret through it would mispredict each time.
 *
 * The object carries no IBT or SHSTK property, since jumping between stacks is
 * what shadow stacks forbid.
 */
        .text

        .globl  mo_switch
        .hidden mo_switch
        .type   mo_switch, @function
        .balign 32
mo_switch:                              /* rdi = save, rsi = to */
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        jmp     *%rcx
        .cfi_endproc
        .size   mo_switch, . - mo_switch

/* Where a fresh context starts: r12 = entry, r13 = arg. The return address is
 * undefined, which is how unwinders are told that a stack ends here. */
        .globl  mo_switch_start
        .hidden mo_switch_start
        .type   mo_switch_start, @function
        .balign 16
mo_switch_start:
        .cfi_startproc
        .cfi_undefined %rip
        xorl    %ebp, %ebp
        movq    %r13, %rdi
        call    *%r12
        ud2
        .cfi_endproc
        .size   mo_switch_start, . - mo_switch_start

        .section .note.GNU-stack, "", @progbits
