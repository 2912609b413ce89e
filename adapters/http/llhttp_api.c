/* SPDX-License-Identifier: MIT */
/*
 * llhttp_api.c - llhttp's own functions, compiled in from where the package
 * node-llhttp has their sources.
 */
#include <api.c>
#include <http.c>
