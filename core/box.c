/* SPDX-License-Identifier: MIT */
/*
 * box.c - memory for messages that are not copied, kept for the next ones.
 *
 *     | ... | struct mo_box | message ... |
 *                           ^ what programs and channels hold
 *
 * Each channel of such messages has boxes of its own, of one size, or where
 * lengths vary, of sizes that double. A box that comes back is the next to be
 * given out, while it is still in the cache; so a channel allocates only while
 * more messages are about than ever before. It keeps what a store of copies
 * would take and some more, or KEEP_LEAST bytes; a store
 * that has no bounds, or large ones, is not kept at its longest.
 *
 * A box knows where it comes from and goes back there, whoever held it last.
 * The channel counts as one more box that is out, so that the boxes' keeper
 * goes with whichever of them is the last to come back.
 *
 * References: the channel has one while the message is stored, and each who
 * received it. There is more than one only where a discipline shares a message
 * (broadcast); then nobody owns what is in it but the channel, and who takes
 * the last reference destroys that. It sees all that the others did before: the
 * count's decrements are ordered.
 *
 * What is in a message is destroyed as the channel says that it was last sent
 * to, which need not be the one that its box comes from. A shared message may
 * outlast that channel: so it counts as one of its boxes that is out.
 *
 * Locks: the keeper's, of a few instructions, after which no other is taken.
 * Memory is got, and the program's destructor runs, without it.
 */
#include "box.h"

#include <errno.h>

#include "arch/sanitize.h"
#include "lock.h"
#include "mem.h"
#include "runtime.h"

#define KEEP_LEAST ((size_t)4 << 20)
#define KEEP_MOST ((size_t)64 << 20)
#define KEEP_MORE 16                /* boxes than are stored */
#define SMALLEST 64
#define CLASSES 58                  /* SMALLEST << 57 is more than memory */

struct mo_boxes {
    size_t least, most;             /* of a message; constant, as are: */
    size_t align;
    size_t lead;                    /* from where memory begins to a message */
    size_t keep;                    /* bytes of free boxes, if not only one */
    bool stamps;                    /* sends say which and when */
    MO_ATOMIC(uint64_t) stamped;    /* so many; the last one's number */
    uint32_t lock;                  /* guards all that follows */
    bool gone;                      /* the channel is */
    size_t out;                     /* boxes that are not free; the channel */
    size_t kept;                    /* bytes of those that are */
    void (*drop)(void *message, void *ctx);
    void *ctx;
    struct mo_box *free[CLASSES];
};

static struct mo_box *box_of(const void *message)
{
    return (struct mo_box *)message - 1;
}

static uint32_t class_of(size_t bytes)
{
    if (bytes <= SMALLEST)
        return 0;
    return 64 - (uint32_t)__builtin_clzll((bytes - 1) / SMALLEST);
}

static size_t bytes_to_keep(size_t most, size_t capacity)
{
    if (capacity > KEEP_MOST / most)
        return capacity == SIZE_MAX ? KEEP_LEAST : KEEP_MOST;
    capacity = (capacity + KEEP_MORE) * most;
    return capacity > KEEP_LEAST ? capacity : KEEP_LEAST;
}

struct mo_boxes *mo_boxes_open(const struct moirai_elem *elem, size_t capacity,
                               bool stamps)
{
    struct mo_boxes *b = mo_mem_alloc(sizeof *b, MO_CACHE_LINE);

    if (b == NULL)
        return NULL;
    b->least = elem->bytes;
    b->most = elem->limit;
    b->stamps = stamps;
    b->keep = bytes_to_keep(elem->limit, capacity);
    b->align = elem->align < 16 ? 16 : elem->align;
    b->lead = (sizeof(struct mo_box) + b->align - 1) & ~(b->align - 1);
    b->out = 1;
    b->drop = elem->drop;
    b->ctx = elem->ctx;
    return b;
}

static void release(const struct mo_boxes *b, struct mo_box *box)
{
    mo_memory_open(box + 1, box->room);
    mo_mem_free((char *)(box + 1) - b->lead);
}

/* One that was out is not any more; the lock is held, and dropped here. */
static void came_back(struct mo_boxes *b)
{
    bool last = --b->out == 0;

    mo_word_unlock(&b->lock);
    if (last)
        mo_mem_free(b);
}

void mo_boxes_close(struct mo_boxes *b)
{
    if (b == NULL)
        return;
    mo_word_lock(&b->lock);
    b->gone = true;                 /* nothing is added to the lists now */
    mo_word_unlock(&b->lock);
    for (uint32_t i = 0; i < CLASSES; i++)
        for (struct mo_box *box = b->free[i], *next; box != NULL; box = next) {
            next = box->next;
            release(b, box);
        }
    mo_word_lock(&b->lock);
    came_back(b);
}

void mo_boxes_destructor(struct mo_boxes *b, const struct moirai_elem *elem)
{
    mo_word_lock(&b->lock);
    b->drop = elem->drop;
    b->ctx = elem->ctx;
    mo_word_unlock(&b->lock);
}

bool mo_boxes_allow(const struct mo_boxes *b, size_t bytes)
{
    return bytes >= b->least && bytes <= b->most;
}

static struct mo_box *make(struct mo_boxes *b, uint32_t class)
{
    size_t room = (size_t)SMALLEST << class;
    struct mo_box *box;
    char *memory;

    if (room > b->most)
        room = b->most;
    memory = mo_mem_alloc(b->lead + room, b->align);
    if (memory == NULL)
        return NULL;
    box = (struct mo_box *)(void *)(memory + b->lead) - 1;
    box->home = b;
    box->room = room;
    return box;
}

void *mo_box_get(struct mo_boxes *b, size_t bytes)
{
    uint32_t class = class_of(bytes);
    struct mo_box *box;

    mo_word_lock(&b->lock);
    box = b->free[class];
    if (box != NULL) {
        b->free[class] = box->next;
        b->kept -= box->room;
    }
    b->out++;
    mo_word_unlock(&b->lock);
    if (box == NULL)
        box = make(b, class);
    if (box == NULL) {
        mo_word_lock(&b->lock);
        came_back(b);
        return NULL;
    }
    mo_memory_open(box + 1, box->room);
    box->bytes = bytes;
    box->drops = b;
    box->meta.size = sizeof box->meta;
    box->meta.flags = 0;            /* says that the rest says nothing */
    mo_store_relaxed(&box->references, 1);
    mo_store_relaxed(&box->shared, 0);
    return box + 1;
}

static void put_back(struct mo_box *box)
{
    struct mo_boxes *b = box->home;
    uint32_t class = class_of(box->room);
    bool keep;

    mo_word_lock(&b->lock);
    keep = !b->gone && (b->free[class] == NULL
                        || b->kept + box->room <= b->keep);
    if (keep) {
        mo_memory_shut(box + 1, box->room);
        box->next = b->free[class];
        b->free[class] = box;
        b->kept += box->room;
    }
    if (!keep) {
        mo_word_unlock(&b->lock);
        release(b, box);
        mo_word_lock(&b->lock);
    }
    came_back(b);
}

/* One reference less; true: it was the last. */
static bool let_go(struct mo_box *box)
{
    mo_race_release(box);
    if (mo_load(&box->references) != 1 && mo_sub(&box->references, 1) != 1)
        return false;
    mo_race_acquire(box);
    return true;
}

/* The message and what is in it go; `b` are those of the channel whose it
 * was. */
static void destroy(struct mo_box *box, struct mo_boxes *b)
{
    void (*drop)(void *message, void *ctx);
    void *ctx;

    mo_word_lock(&b->lock);
    drop = b->drop;
    ctx = b->ctx;
    mo_word_unlock(&b->lock);
    if (drop != NULL)
        drop(box + 1, ctx);
    if (box->drops != box->home) {
        mo_word_lock(&b->lock);
        came_back(b);
    }
    put_back(box);
}

int mo_box_fits(const struct mo_boxes *b, const void *message)
{
    const struct mo_box *box;

    if (message == NULL)
        return -EINVAL;
    box = box_of(message);
    if (mo_load_relaxed(&box->shared))
        return -EINVAL;
    if (box->home == b)
        return 0;
    return mo_boxes_allow(b, box->bytes) && box->home->align >= b->align
        ? 0 : -EMSGSIZE;
}

void mo_box_share(struct mo_boxes *b, void *message)
{
    struct mo_box *box = box_of(message);

    if (!mo_load_relaxed(&box->shared) && b != box->home) {
        mo_word_lock(&b->lock);
        b->out++;
        mo_word_unlock(&b->lock);
        box->drops = b;
    }
    mo_store_relaxed(&box->shared, 1);
    mo_add(&box->references, 1);
}

void mo_box_drop(struct mo_boxes *b, void *message)
{
    if (let_go(box_of(message)))
        destroy(box_of(message), b);
}

void moirai_loan_put(void *message)
{
    struct mo_box *box;

    if (message == NULL || mo_runtime_bereft())
        return;
    box = box_of(message);
    if (!let_go(box))
        return;
    if (mo_load_relaxed(&box->shared))
        destroy(box, box->drops);
    else
        put_back(box);
}

void mo_box_stamp(struct mo_boxes *b, void *message)
{
    struct moirai_meta *meta = &box_of(message)->meta;

    if (__builtin_expect(!b->stamps, 1)) {
        meta->flags &= ~MOIRAI_META_SENT;   /* of another channel */
        return;
    }
    meta->id = mo_add(&b->stamped, 1) + 1;
    meta->sent_ns = moirai_now();
    meta->flags |= MOIRAI_META_SENT;
}

struct moirai_meta *moirai_loan_meta(void *message)
{
    return &box_of(message)->meta;
}

size_t moirai_loan_bytes(const void *message)
{
    return box_of(message)->bytes;
}

int moirai_loan_trim(void *message, size_t bytes)
{
    struct mo_box *box = box_of(message);

    if (bytes > box->room || !mo_boxes_allow(box->home, bytes))
        return -EMSGSIZE;
    box->bytes = bytes;
    return 0;
}
