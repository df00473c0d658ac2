/* SPDX-License-Identifier: Apache-2.0 */
/* The player's files, between NAME_begin and NAME_end. */
    .macro embed name, file
    .hidden \name\()_begin, \name\()_end
    .global \name\()_begin, \name\()_end
\name\()_begin:
    .incbin "\file"
\name\()_end:
    .endm

    .section .rodata
    embed fronta_player_js, FRONTA_PLAYER_JS
    embed fronta_player_css, FRONTA_PLAYER_CSS
    embed fronta_player_html, FRONTA_PLAYER_HTML

    .section .note.GNU-stack, "", %progbits
