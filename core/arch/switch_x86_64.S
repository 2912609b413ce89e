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

/* Where a fresh context starts, at mo_switch_first: the entry and its argument
 * are still where r12 and r13 are in the drawing, now below rsp. The
 * return address is undefined, which is how unwinders are told that a stack
 * ends here. They look for what calls at the byte before a return address; for
 * a context that has yet to start, that is the nop. */
        .globl  mo_switch_start
        .hidden mo_switch_start
        .type   mo_switch_start, @function
        .balign 16
mo_switch_start:
        .cfi_startproc
        .cfi_undefined %rip
        nop
        .globl  mo_switch_first
        .hidden mo_switch_first
mo_switch_first:
        xorl    %ebp, %ebp
        movq    -40(%rsp), %rdi
        movq    -32(%rsp), %rax
        call    *%rax
        ud2
        .cfi_endproc
        .size   mo_switch_start, . - mo_switch_start

/* rdi = sp of a context that is not running, rsi = fn, rdx = arg. While fn
 * runs, the table says that the caller is that context: its frame as drawn
 * above, with rbx for rsp. */
        .globl  mo_switch_walk
        .hidden mo_switch_walk
        .type   mo_switch_walk, @function
        .balign 16
mo_switch_walk:
        .cfi_startproc
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        movq    %rdi, %rbx
        movq    %rdx, %rdi
        .cfi_remember_state
        .cfi_def_cfa %rbx, 56
        .cfi_offset %rip, -8
        .cfi_offset %rbp, -16
        .cfi_offset %rbx, -24
        .cfi_offset %r12, -32
        .cfi_offset %r13, -40
        .cfi_offset %r14, -48
        .cfi_offset %r15, -56
        call    *%rsi
        .cfi_restore_state
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        ret
        .cfi_endproc
        .size   mo_switch_walk, . - mo_switch_walk

        .section .note.GNU-stack, "", @progbits
