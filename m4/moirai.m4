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
dnl BUILTIN_LIST, from which core/builtin_list.h is made.
AC_DEFUN([MO_PLUGINS],
[mo_known="$1"
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
