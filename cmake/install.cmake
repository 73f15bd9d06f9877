# SPDX-License-Identifier: GPL-2.0-or-later
# What `cmake --install` puts beside the programs (those are installed where they are built: src/cli
# and agent): the man page, the documents, and the example module as a project to copy.
install(FILES ${PROJECT_SOURCE_DIR}/docs/kobox.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
# Not ${CMAKE_INSTALL_DOCDIR}: docs/ stays a directory in there, so that the documents' links hold.
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
              ${PROJECT_SOURCE_DIR}/LICENSE
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/kobox)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/kobox
        FILES_MATCHING PATTERN "*.md" PATTERN "*.png")
# Only sources: whoever ran make in the directory has built files there too.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/modules/qemu_exercise
        DESTINATION ${CMAKE_INSTALL_DATADIR}/kobox/modules
        FILES_MATCHING PATTERN "*.[ch]" PATTERN "*.mod.c" EXCLUDE PATTERN "*.md"
                       PATTERN "*.toml" PATTERN "Kbuild" PATTERN "Makefile")
