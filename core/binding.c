/* SPDX-License-Identifier: MIT */
/*
 * binding.c - values that scopes have for what runs inside them.
 *
 * A scope's bindings are a list that only grows, at its head, by its owner; a
 * binding never changes once it is in. So readers need no lock, and walk from
 * scope to scope: those around a scope outlive it. A lookup is a walk, not a
 * table: there are few scopes around a task, with few values each, and most
 * have none.
 */
#include <moirai/scope.h>

#include "worker.h"

void moirai_scope_bind(struct moirai_scope *scope,
                       struct moirai_binding *binding,
                       const struct moirai_key *key, void *value)
{
    binding->key = key;
    binding->value = value;
    binding->outer = mo_load_relaxed(&scope->values);
    mo_race_release(&scope->values);
    mo_store(&scope->values, binding);  /* pairs with the load in find */
}

static struct moirai_binding *find(const struct moirai_scope *scope,
                                   const struct moirai_key *key)
{
    struct moirai_binding *binding = mo_load(&scope->values);

    while (binding != NULL && binding->key != key)
        binding = binding->outer;
    return binding;
}

void *moirai_scope_value(const struct moirai_scope *scope,
                         const struct moirai_key *key)
{
    struct mo_worker *w = mo_self();
    struct moirai_binding *binding = NULL;

    if (scope == NULL && w != NULL && w->task != NULL)
        scope = w->task->scope;
    for (; scope != NULL && binding == NULL; scope = scope->parent) {
        binding = find(scope, key);
        if (binding != NULL)
            mo_race_acquire(&scope->values);
    }
    return binding != NULL ? binding->value : NULL;
}
