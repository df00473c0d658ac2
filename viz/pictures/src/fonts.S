/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of the fonts, between NAME_begin and NAME_end. */
    .macro embed name, file
    .hidden \name\()_begin, \name\()_end
    .global \name\()_begin, \name\()_end
    .balign 16
\name\()_begin:
    .incbin "\file"
\name\()_end:
    .endm

    .section .rodata
    embed fronta_font_sans, FRONTA_SANS
    embed fronta_font_bold, FRONTA_BOLD
    embed fronta_font_mono, FRONTA_MONO

    .section .note.GNU-stack, "", %progbits
