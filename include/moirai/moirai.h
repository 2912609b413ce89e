/* SPDX-License-Identifier: MIT */
/*
 * moirai/moirai.h - everything an application needs.
 */
#ifndef MOIRAI_MOIRAI_H
#define MOIRAI_MOIRAI_H

#include <moirai/breaker.h>
#include <moirai/chan.h>
#include <moirai/embed.h>
#include <moirai/error.h>
#include <moirai/event.h>
#include <moirai/fan.h>
#include <moirai/fork.h>
#include <moirai/future.h>
#include <moirai/io.h>
#include <moirai/limit.h>
#include <moirai/loan.h>
#include <moirai/net.h>
#include <moirai/par.h>
#include <moirai/process.h>
#include <moirai/resource.h>
#include <moirai/retry.h>
#include <moirai/runtime.h>
#include <moirai/scope.h>
#include <moirai/select.h>
#include <moirai/service.h>
#include <moirai/simd.h>
#include <moirai/span.h>
#include <moirai/stage.h>
#include <moirai/stream.h>
#include <moirai/supervisor.h>
#include <moirai/sync.h>
#include <moirai/task.h>
#include <moirai/time.h>
#include <moirai/typed.h>

#endif
