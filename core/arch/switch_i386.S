/* SPDX-License-Identifier: MIT */
/*
 * switch_i386.S - the switch for the System V ABI, i386.
 *
 * What a context that is not running looks like, low to high:
 *
 *     sp ->  edi esi ebx ebp  return address
 *             0   4   8   12  16
 *
 * Both sides of the switch have this shape at the moment esp changes, so one
 * description serves the unwinder throughout: CFA = esp + 20. The return is
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
mo_switch:                              /* on the stack: save, to */
        .cfi_startproc
        movl    4(%esp), %eax
        movl    8(%esp), %edx
        pushl   %ebp
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset %ebp, 0
        pushl   %ebx
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset %ebx, 0
        pushl   %esi
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset %esi, 0
        pushl   %edi
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset %edi, 0
        movl    %esp, (%eax)
        movl    %edx, %esp
        popl    %edi
        .cfi_adjust_cfa_offset -4
        .cfi_restore %edi
        popl    %esi
        .cfi_adjust_cfa_offset -4
        .cfi_restore %esi
        popl    %ebx
        .cfi_adjust_cfa_offset -4
        .cfi_restore %ebx
        popl    %ebp
        .cfi_adjust_cfa_offset -4
        .cfi_restore %ebp
        popl    %ecx
        .cfi_adjust_cfa_offset -4
        .cfi_register %eip, %ecx
        jmp     *%ecx
        .cfi_endproc
        .size   mo_switch, . - mo_switch

/* Where a fresh context starts, at mo_switch_first: esi = entry, edi = arg.
 * The return address is undefined, which is how unwinders are told that a
 * stack ends here. They look for what calls at the byte before a return
 * address; for a context that has yet to start, that is the nop. */
        .globl  mo_switch_start
        .hidden mo_switch_start
        .type   mo_switch_start, @function
        .balign 16
mo_switch_start:
        .cfi_startproc
        .cfi_undefined %eip
        nop
        .globl  mo_switch_first
        .hidden mo_switch_first
mo_switch_first:
        xorl    %ebp, %ebp
        pushl   %edi
        .cfi_adjust_cfa_offset 4
        call    *%esi
        ud2
        .cfi_endproc
        .size   mo_switch_start, . - mo_switch_start

/* On the stack: sp of a context that is not running, fn, arg. While fn runs,
 * the table says that the caller is that context: its frame as drawn above,
 * with ebx for esp. */
        .globl  mo_switch_walk
        .hidden mo_switch_walk
        .type   mo_switch_walk, @function
        .balign 16
mo_switch_walk:
        .cfi_startproc
        pushl   %ebx
        .cfi_adjust_cfa_offset 4
        .cfi_rel_offset %ebx, 0
        movl    8(%esp), %ebx
        movl    12(%esp), %eax
        movl    16(%esp), %ecx
        subl    $4, %esp
        .cfi_adjust_cfa_offset 4
        pushl   %ecx                    /* esp is a multiple of 16 */
        .cfi_adjust_cfa_offset 4
        .cfi_remember_state
        .cfi_def_cfa %ebx, 20
        .cfi_offset %eip, -4
        .cfi_offset %ebp, -8
        .cfi_offset %ebx, -12
        .cfi_offset %esi, -16
        .cfi_offset %edi, -20
        call    *%eax
        .cfi_restore_state
        addl    $8, %esp
        .cfi_adjust_cfa_offset -8
        popl    %ebx
        .cfi_adjust_cfa_offset -4
        .cfi_restore %ebx
        ret
        .cfi_endproc
        .size   mo_switch_walk, . - mo_switch_walk

        .section .note.GNU-stack, "", @progbits
