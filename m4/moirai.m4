dnl SPDX-License-Identifier: MIT
dnl moirai.m4 - the macros that configure.ac repeats.

dnl MO_CFLAGS(VARIABLE, FLAGS): adds each flag that the compiler knows.
dnl -Werror, because clang only warns about flags it does not know.
AC_DEFUN([MO_CFLAGS],
[m4_foreach_w([mo_flag], [$2],
 [AS_VAR_PUSHDEF([mo_var], [mo_cv_cflag_]mo_flag)dnl
  AC_CACHE_CHECK([whether $CC takes ]mo_flag, [mo_var],
   [mo_save=$CFLAGS
    CFLAGS="$CFLAGS -Werror mo_flag"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM], [AS_VAR_SET([mo_var], [yes])],
                      [AS_VAR_SET([mo_var], [no])])
    CFLAGS=$mo_save])
  AS_VAR_IF([mo_var], [yes], [$1="$$1 mo_flag"])
  AS_VAR_POPDEF([mo_var])])])

dnl MO_MISSING(WHAT, PACKAGE): stops, naming the Debian package to install.
AC_DEFUN([MO_MISSING],
[AC_MSG_ERROR([$1 not found: apt-get install $2])])

dnl MO_PLUGINS(NAMES): for each <kind>_<name>, an automake condition
dnl BUILTIN_<KIND>_<NAME> that holds if $mo_builtin names it, and a line in
dnl BUILTIN_LIST, from which core/builtin_list.h is made. $mo_plugins are those
dnl of them that this build has.
AC_DEFUN([MO_PLUGINS],
[mo_known=$mo_plugins
 for mo_name in $mo_builtin; do
    case " $mo_known " in
    *" $mo_name "*) ;;
    *) AC_MSG_ERROR([--with-builtin: no plugin $mo_name; there are: $mo_known]) ;;
    esac
 done
 BUILTIN_LIST=
 for mo_name in $mo_known; do
    case " $mo_builtin " in
    *" $mo_name "*)
        BUILTIN_LIST="${BUILTIN_LIST}MO_BUILTIN(${mo_name%%_*}, ${mo_name#*_})
" ;;
    esac
 done
 AC_SUBST([BUILTIN_LIST])
 AM_SUBST_NOTMAKE([BUILTIN_LIST])
 m4_foreach_w([mo_plugin], [$1],
 [AM_CONDITIONAL([BUILTIN_]m4_toupper(mo_plugin),
    [case " $mo_builtin " in *" mo_plugin "*) :;; *) false;; esac])
 ])])

dnl MO_COMPLETION_DIRS: where the shells look for completions. Of a shell that is
dnl installed elsewhere, the same folder below our own prefix.
AC_DEFUN([MO_COMPLETION_DIRS],
[AC_ARG_WITH([bash-completion-dir],
    [AS_HELP_STRING([--with-bash-completion-dir=DIR],
        [where completion for bash goes; preset: as pkg-config says, below
         DATADIR])], [], [with_bash_completion_dir=yes])
 AC_ARG_WITH([zsh-completion-dir],
    [AS_HELP_STRING([--with-zsh-completion-dir=DIR],
        [the same for zsh; preset: DATADIR/zsh/site-functions])],
    [], [with_zsh_completion_dir=yes])
 AS_IF([test "x$with_bash_completion_dir" = xyes],
   [with_bash_completion_dir=`$PKG_CONFIG --variable=completionsdir \
        --define-variable=prefix='${prefix}' \
        --define-variable=datarootdir='${datarootdir}' \
        --define-variable=datadir='${datadir}' bash-completion 2>/dev/null`
    AS_CASE([$with_bash_completion_dir],
       ['${'*], [],
       [with_bash_completion_dir='${datadir}/bash-completion/completions'])])
 AS_IF([test "x$with_zsh_completion_dir" = xyes],
   [with_zsh_completion_dir='${datadir}/zsh/site-functions'])
 AC_SUBST([BASH_COMPLETION_DIR], [$with_bash_completion_dir])
 AC_SUBST([ZSH_COMPLETION_DIR], [$with_zsh_completion_dir])
 AM_CONDITIONAL([BASH_COMPLETION], [test "$with_bash_completion_dir" != no])
 AM_CONDITIONAL([ZSH_COMPLETION], [test "$with_zsh_completion_dir" != no])])

dnl MO_CMAKE_DIRS: for moirai-config.cmake, where the library and the headers
dnl are, seen from the prefix, and where the prefix is, seen from the folder
dnl that file is installed in. What is outside the prefix is named in full, and
dnl the package cannot be moved then.
AC_DEFUN([MO_CMAKE_DIRS],
[mo_prefix=$prefix
 test "x$mo_prefix" != xNONE || mo_prefix=$ac_default_prefix
 mo_expand() {
    (prefix=$mo_prefix
     exec_prefix=$exec_prefix
     test "x$exec_prefix" != xNONE || exec_prefix=$prefix
     eval "mo_path=\"$[1]\""
     eval "echo \"$mo_path\"")
 }
 CMAKE_LIBDIR=`mo_expand "$libdir"`
 CMAKE_INCLUDEDIR=`mo_expand "$includedir"`
 CMAKE_PREFIX=$mo_prefix
 AS_CASE([$CMAKE_LIBDIR],
    ["$mo_prefix"/*],
       [CMAKE_LIBDIR=${CMAKE_LIBDIR@%:@"$mo_prefix/"}
        mo_up=`echo "$CMAKE_LIBDIR" | sed 's,[[^/]][[^/]]*,..,g'`
        CMAKE_PREFIX="\${CMAKE_CURRENT_LIST_DIR}/../../$mo_up"
        CMAKE_LIBDIR="\${moirai_prefix}/$CMAKE_LIBDIR"])
 AS_CASE([$CMAKE_INCLUDEDIR],
    ["$mo_prefix"/*],
       [CMAKE_INCLUDEDIR="\${moirai_prefix}/${CMAKE_INCLUDEDIR@%:@"$mo_prefix/"}"])
 AC_SUBST([CMAKE_PREFIX])
 AC_SUBST([CMAKE_LIBDIR])
 AC_SUBST([CMAKE_INCLUDEDIR])])
