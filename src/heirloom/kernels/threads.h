/* Threads that share the pieces of a call.

   Whoever calls works as well, and pieces are taken until none is left: nothing waits for a helper that has
   not got a core yet. A helper without work spins for SPIN_NS, as long as the work between two calls takes, and then sleeps.
   Threads of OpenMP either sleep at once or spin on, in the way of other programs.

   Work is cut into pieces that do not depend on the number of threads, and sums over pieces are made in
   their order, so results do not depend on it either. */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define MOST_THREADS 8 /* layers this small have not more to do at a time */
#define SPIN_NS 500000 /* a helper's wait for the next call */
#define LATE_NS 200000        /* a caller's wait beyond that of a piece and a quarter of all: another has the core, */
#define SHORTEST_NS 1000000   /* and for so long it does without helpers, */
#define LONGEST_NS 100000000L /* or, where helpers are late again and again, for up to so long */

static int least(int a, int b) { return a < b ? a : b; }

typedef void work(const void *layer, int piece, int thread);

static struct {
    _Atomic(work *) function;
    _Atomic(const void *) layer;
    atomic_int threads, done, sleeping;
    _Atomic uint64_t ticket; /* number of the call in the upper half, pieces left in the lower */
    atomic_flag busy;
    pthread_mutex_t mutex;
    pthread_cond_t called;
    atomic_long alone; /* until then calls do without helpers */
    long pause;        /* for so long, when one is late again */
    int helpers;
} pool = {.busy = ATOMIC_FLAG_INIT,
          .mutex = PTHREAD_MUTEX_INITIALIZER,
          .called = PTHREAD_COND_INITIALIZER,
          .pause = SHORTEST_NS};

static uint64_t call_number(void) { return atomic_load(&pool.ticket) >> 32; }

static long nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* What is to be done changes only while no piece is left. If a ticket could be taken, all that was read after
   it belongs to it. */
static int take_pieces(int thread)
{
    for (int taken = 0;;) {
        uint64_t ticket = atomic_load(&pool.ticket);
        work *function = atomic_load(&pool.function);
        const void *layer = atomic_load(&pool.layer);
        if (!(uint32_t)ticket || thread >= atomic_load(&pool.threads))
            return taken;
        if (!atomic_compare_exchange_strong(&pool.ticket, &ticket, ticket - 1))
            continue;
        function(layer, (int)(uint32_t)ticket - 1, thread);
        atomic_fetch_add(&pool.done, 1);
        taken++;
    }
}

static void *help(void *thread)
{
    uint64_t seen = 0;
    for (;;) {
        long until = nanoseconds() + SPIN_NS;
        for (int spins = 1; call_number() == seen; spins++) {
            pause_briefly();
            if (spins % 64 || nanoseconds() < until)
                continue;
            pthread_mutex_lock(&pool.mutex);
            atomic_fetch_add(&pool.sleeping, 1);
            while (call_number() == seen)
                pthread_cond_wait(&pool.called, &pool.mutex);
            atomic_fetch_sub(&pool.sleeping, 1);
            pthread_mutex_unlock(&pool.mutex);
        }
        seen = call_number();
        take_pieces((int)(intptr_t)thread);
    }
    return NULL;
}

/* Call the function for every piece. Scratch memory may be kept by the number of the thread. */
static void share(work *function, const void *layer, int pieces, int threads)
{
    if (threads < 2 || pieces < 2 || nanoseconds() < atomic_load(&pool.alone) || atomic_flag_test_and_set(&pool.busy)) {
        for (int piece = 0; piece < pieces; piece++)
            function(layer, piece, 0);
        return;
    }
    while (pool.helpers < least(threads, MOST_THREADS) - 1) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, help, (void *)(intptr_t)(pool.helpers + 1)))
            break;
        pthread_detach(thread);
        pool.helpers++;
    }
    atomic_store(&pool.function, function);
    atomic_store(&pool.layer, layer);
    atomic_store(&pool.threads, threads);
    atomic_store(&pool.done, 0);
    atomic_store(&pool.ticket, (call_number() + 1) << 32 | (uint32_t)pieces);
    if (atomic_load(&pool.sleeping)) {
        pthread_mutex_lock(&pool.mutex);
        pthread_cond_broadcast(&pool.called);
        pthread_mutex_unlock(&pool.mutex);
    }
    const long began = nanoseconds(), taken = take_pieces(0), ended = nanoseconds();
    const long patience = LATE_NS + (taken ? (ended - began) / taken : 0) + (ended - began) / 4;
    for (int spins = 1; atomic_load(&pool.done) < pieces; spins++)
        spins % 256 ? pause_briefly() : (void)sched_yield();
    const long now = nanoseconds();
    if (now > ended + patience) {
        atomic_store(&pool.alone, now + pool.pause);
        pool.pause = 2 * pool.pause < LONGEST_NS ? 2 * pool.pause : LONGEST_NS;
    } else if (pool.pause > SHORTEST_NS) {
        pool.pause -= SHORTEST_NS / 4;
    }
    atomic_flag_clear(&pool.busy);
}

/* A process that was forked has no helpers. */
static void forget_helpers(void)
{
    pool.helpers = 0;
    atomic_store(&pool.sleeping, 0);
    atomic_store(&pool.ticket, call_number() << 32);
    atomic_flag_clear(&pool.busy);
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.called, NULL);
}

__attribute__((constructor)) static void on_load(void) { pthread_atfork(NULL, NULL, forget_helpers); }
