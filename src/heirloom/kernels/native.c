/* Convolution of few maps, and the layers around it, for processors.

   Libraries spread the maps of an image over the lanes of a vector; with 1, 6 or 16 maps most lanes are idle.
   Here a lane is an image: every vector holds one place of LANES images, whatever the size of the layer.

   A batch lies in memory as [maps][rows][columns][images], which is what is written here, or as
   [images][maps][rows][columns]. Of a batch that is read it is said how many floats lie between two images
   (`image`) and between two neighbouring places (`place`).

   Work is cut into pieces that do not depend on the number of threads, and sums over pieces are made in
   their order, so results do not depend on it either. No number is taken to be finite. */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#if defined(__AVX512F__)
#define LANES 16
#define STRIP 14 /* sums for two maps that fit into the registers, beside two weights and an input */
#elif defined(__AVX__)
#define LANES 8
#define STRIP 6
#else
#define LANES 4
#define STRIP 6
#endif

#define WIDEST 7 /* columns of a kernel */

typedef float vec __attribute__((vector_size(4 * LANES)));
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

const int lanes = LANES, widest = WIDEST;

static int least(int a, int b) { return a < b ? a : b; }
static int blocks_of(int images) { return (images + LANES - 1) / LANES; }

/* ---- Threads -------------------------------------------------------------------------------------------

   Whoever calls works as well, and pieces are taken until none is left: nothing waits for a helper that has
   not got a core yet. A helper without work spins for SPIN_NS, as long as other layers take, and then sleeps.
   Threads of OpenMP either sleep at once or spin on, in the way of other programs. */

#define MOST_THREADS 8 /* layers this small have not more to do at a time */
#define SPIN_NS 200000 /* a helper's wait for the next call */
#define LATE_NS 200000 /* a caller's wait for the last pieces: another program has the core, */
#define SHORTEST 16    /* and so many calls do without helpers, */
#define LONGEST 1024   /* or, where helpers are late again and again, up to so many */

typedef void work(const void *layer, int piece, int thread);

static struct {
    _Atomic(work *) function;
    _Atomic(const void *) layer;
    atomic_int threads, done, sleeping;
    _Atomic uint64_t ticket; /* number of the call in the upper half, pieces left in the lower */
    atomic_flag busy;
    pthread_mutex_t mutex;
    pthread_cond_t called;
    atomic_int alone; /* calls that do without helpers */
    int pause;        /* as many, when one is late again */
    int helpers;
} pool = {.busy = ATOMIC_FLAG_INIT,
          .mutex = PTHREAD_MUTEX_INITIALIZER,
          .called = PTHREAD_COND_INITIALIZER,
          .pause = SHORTEST};

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
static void take_pieces(int thread)
{
    for (;;) {
        uint64_t ticket = atomic_load(&pool.ticket);
        work *function = atomic_load(&pool.function);
        const void *layer = atomic_load(&pool.layer);
        if (!(uint32_t)ticket || thread >= atomic_load(&pool.threads))
            return;
        if (atomic_compare_exchange_strong(&pool.ticket, &ticket, ticket - 1)) {
            function(layer, (int)(uint32_t)ticket - 1, thread);
            atomic_fetch_add(&pool.done, 1);
        }
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
    const int alone = atomic_load(&pool.alone) > 0 && atomic_fetch_sub(&pool.alone, 1) > 0;
    if (alone || threads < 2 || pieces < 2 || atomic_flag_test_and_set(&pool.busy)) {
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
    take_pieces(0);
    const long began = nanoseconds();
    for (int spins = 1; atomic_load(&pool.done) < pieces; spins++)
        spins % 256 ? pause_briefly() : (void)sched_yield();
    if (nanoseconds() > began + LATE_NS) {
        atomic_store(&pool.alone, pool.pause);
        pool.pause = least(2 * pool.pause, LONGEST);
    } else if (pool.pause > SHORTEST) {
        pool.pause--;
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

/* ---- Convolution ---------------------------------------------------------------------------------------

   Stride 1, no padding. A block of LANES images is gathered into a tile that stays in the second-level cache:
   [maps][rows][columns] vectors, where the rows may have `margin` zeros on either side. */

typedef struct {
    int images, in_maps, rows, columns; /* of the input */
    int out_maps, kernel_rows, kernel_columns;
    const float *x;
    long x_image, x_place;
    const float *weight; /* [out_maps][in_maps][kernel_rows][kernel_columns] */
    const float *bias;   /* or NULL */
    const float *grad;   /* by the output */
    long grad_image, grad_place;
    float *out;           /* the output; on the way back the gradient by the input, or NULL */
    float *weight_grad;   /* for each block [out_maps] biases and then weights */
    float *packed;        /* weights in the order in which `correlate` reads them */
    vec *scratch;         /* for each thread */
    long scratch_size;
} convolution;

static int out_rows(const convolution *c) { return c->rows - c->kernel_rows + 1; }
static int out_columns(const convolution *c) { return c->columns - c->kernel_columns + 1; }
static long weights_per_map(const convolution *c)
{
    return (long)c->in_maps * c->kernel_rows * c->kernel_columns;
}

static void gather(vec *tile, const float *x, long image, long place, int images, int rows, int columns,
                   int margin)
{
    const int width = columns + 2 * margin;
    if (margin || images < LANES)
        memset(tile, 0, sizeof(vec) * (size_t)rows * width);
    for (int row = 0; row < rows; row++, x += columns * place, tile += width) {
        vec *to = tile + margin;
        if (image == 1 && images == LANES)
            for (int i = 0; i < columns; i++)
                memcpy(to + i, x + i * place, sizeof(vec));
        else
            for (int n = 0; n < images; n++)
                for (int i = 0; i < columns; i++)
                    ((float *)(to + i))[n] = x[n * image + i * place];
    }
}

/* Sums of two output maps at `strip` neighbouring places of a row. Kernels: [maps][rows][columns][2]. */
ALWAYS_INLINE void sums_of_strip(const int strip, vec sums[2][STRIP], const vec *x, int maps, long plane,
                                 int width, const float *kernel, int kernel_rows, int kernel_columns,
                                 int first, int last)
{
    vec upper[STRIP], lower[STRIP];
    UNROLL for (int i = 0; i < strip; i++) upper[i] = sums[0][i], lower[i] = sums[1][i];
    for (int map = 0; map < maps; map++, x += plane, kernel += 2 * kernel_rows * kernel_columns)
        for (int row = first; row < last; row++)
            for (int column = 0; column < kernel_columns; column++) {
                const vec *from = x + (long)row * width + column;
                const float *w = kernel + 2 * (row * kernel_columns + column);
                UNROLL for (int i = 0; i < strip; i++)
                {
                    upper[i] += from[i] * w[0];
                    lower[i] += from[i] * w[1];
                }
            }
    UNROLL for (int i = 0; i < strip; i++) sums[0][i] = upper[i], sums[1][i] = lower[i];
}

/* Slide kernels over a tile, `above` rows above its first row to as many below its last one. */
static void correlate(const vec *tile, int maps, int rows, int width, int above, const float *packed,
                      int kernel_rows, int kernel_columns, const float *bias, int out_maps, float *out,
                      long places_apart, int images)
{
    const int high = rows + 2 * above - kernel_rows + 1, wide = width - kernel_columns + 1;
    const int strips = (wide + STRIP - 1) / STRIP;
    for (int row = 0; row < high; row++) {
        const int top = row - above;
        const int first = top < 0 ? -top : 0, last = least(kernel_rows, rows - top);
        for (int map = 0; map < out_maps; map += 2) {
            const float *kernel = packed + (long)map * maps * kernel_rows * kernel_columns;
            for (int s = 0; s < strips; s++) {
                const int left = wide * s / strips, strip = wide * (s + 1) / strips - left;
                const vec *x = tile + (long)top * width + left;
                vec sums[2][STRIP];
                for (int k = 0; k < 2; k++)
                    for (int i = 0; i < strip; i++)
                        sums[k][i] = (vec){0} + (bias && map + k < out_maps ? bias[map + k] : 0);
#define CASE(n) \
    case n: \
        sums_of_strip(n, sums, x, maps, (long)rows * width, width, kernel, kernel_rows, kernel_columns, \
                      first, last); \
        break;
                switch (strip) {
                    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#if STRIP > 6
                    CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#endif
                }
#undef CASE
                for (int k = 0; k < least(2, out_maps - map); k++)
                    for (int i = 0; i < strip; i++) {
                        float *to = out + (((long)(map + k) * high + row) * wide + left + i) * places_apart;
                        if (images == LANES)
                            memcpy(to, &sums[k][i], sizeof(vec)); /* one instruction */
                        else
                            memcpy(to, &sums[k][i], sizeof(float) * (size_t)images);
                    }
            }
        }
    }
}

static void convolve_block(const void *layer, int block, int thread)
{
    const convolution *c = layer;
    const int first = block * LANES, images = least(LANES, c->images - first);
    vec *tile = c->scratch + thread * c->scratch_size;
    gather(tile, c->x + first * c->x_image, c->x_image, c->x_place, images, c->in_maps * c->rows, c->columns,
           0);
    correlate(tile, c->in_maps, c->rows, c->columns, 0, c->packed, c->kernel_rows, c->kernel_columns, c->bias,
              c->out_maps, c->out + first, c->images, images);
}

static float sum_of_lanes(vec v)
{
    UNROLL for (int half = LANES / 2; half; half /= 2)
    {
        UNROLL for (int i = 0; i < half; i++) v[i] += v[i + half];
    }
    return v[0];
}

/* Gradients of one row of the kernels of two output maps, from one input map. */
ALWAYS_INLINE void gradients_of_row(const int kernel_columns, const vec *x, int x_width, const vec *grad,
                                    const vec *next_grad, int rows, int columns, int grad_width, float *out,
                                    float *next_out)
{
    vec sums[WIDEST] = {0}, next[WIDEST] = {0};
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            const vec *from = x + (long)row * x_width + column;
            const long at = (long)row * grad_width + column;
            UNROLL for (int i = 0; i < kernel_columns; i++)
            {
                sums[i] += grad[at] * from[i];
                next[i] += next_grad[at] * from[i];
            }
        }
    for (int i = 0; i < kernel_columns; i++)
        out[i] = sum_of_lanes(sums[i]), next_out[i] = sum_of_lanes(next[i]);
}

static void convolve_back_block(const void *layer, int block, int thread)
{
    const convolution *c = layer;
    const int first = block * LANES, images = least(LANES, c->images - first);
    const int high = out_rows(c), wide = out_columns(c), margin = c->out ? c->kernel_columns - 1 : 0;
    const int grad_width = wide + 2 * margin;
    const long grad_plane = (long)high * grad_width, plane = (long)c->rows * c->columns;
    vec *tile = c->scratch + thread * c->scratch_size, *grad = tile + c->in_maps * plane;
    gather(tile, c->x + first * c->x_image, c->x_image, c->x_place, images, c->in_maps * c->rows, c->columns,
           0);
    gather(grad, c->grad + first * c->grad_image, c->grad_image, c->grad_place, images, c->out_maps * high,
           wide, margin);

    float *biases = c->weight_grad + block * c->out_maps * (1 + weights_per_map(c));
    float *weights = biases + c->out_maps;
    for (int map = 0; map < c->out_maps; map++) {
        vec sum = {0};
        for (long i = 0; i < grad_plane; i++)
            sum += grad[map * grad_plane + i];
        biases[map] = sum_of_lanes(sum);
    }
    for (int map = 0; map < c->out_maps; map += 2) {
        const int pair = map + 1 < c->out_maps; /* else the last map is computed twice */
        const vec *g = grad + map * grad_plane + margin;
        for (int in = 0; in < c->in_maps; in++)
            for (int row = 0; row < c->kernel_rows; row++) {
                const vec *x = tile + in * plane + (long)row * c->columns;
                const long kernel = (long)(in * c->kernel_rows + row) * c->kernel_columns;
                float *to = weights + map * weights_per_map(c) + kernel;
#define CASE(n) \
    case n: \
        gradients_of_row(n, x, c->columns, g, g + pair * grad_plane, high, wide, grad_width, to, \
                         to + pair * weights_per_map(c)); \
        break;
                switch (c->kernel_columns) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) }
#undef CASE
            }
    }
    if (c->out)
        correlate(grad, c->out_maps, high, grad_width, c->kernel_rows - 1, c->packed, c->kernel_rows,
                  c->kernel_columns, NULL, c->in_maps, c->out + first, c->images, images);
}

/* Order the weights as [pairs of maps to be computed][maps that are read][rows][columns][2]. On the way back
   kernels are turned round, and the output maps are read. A missing second map has zeros. */
static void pack(const convolution *c, int back)
{
    const int computed = back ? c->in_maps : c->out_maps, read = back ? c->out_maps : c->in_maps;
    const int size = c->kernel_rows * c->kernel_columns;
    float *to = c->packed;
    for (int map = 0; map < computed; map += 2)
        for (int from = 0; from < read; from++)
            for (int i = 0; i < size; i++)
                for (int k = 0; k < 2; k++, to++) {
                    const int out = back ? from : map + k, in = back ? map + k : from;
                    const int at = (out * c->in_maps + in) * size + (back ? size - 1 - i : i);
                    *to = map + k < computed ? c->weight[at] : 0;
                }
}

void convolve(const convolution *c, int threads)
{
    pack(c, 0);
    share(convolve_block, c, blocks_of(c->images), threads);
}

/* The sum over the blocks ends in the first of them. */
void convolve_back(const convolution *c, int threads)
{
    const int blocks = blocks_of(c->images);
    const long size = c->out_maps * (1 + weights_per_map(c));
    if (c->out)
        pack(c, 1);
    share(convolve_back_block, c, blocks, threads);
    for (int block = 1; block < blocks; block++)
        for (long i = 0; i < size; i++)
            c->weight_grad[i] += c->weight_grad[block * size + i];
}

/* ---- Windows of 2 x 2 ----------------------------------------------------------------------------------

   All batches here are [maps][rows][columns][images]. A piece is one row of the output. */

typedef struct {
    int images, maps, rows, columns; /* of the input; rows and columns are even */
    const float *x;
    const float *grad;                /* by the output, on the way back */
    const float *coefficient, *bias;  /* of each map; NULL for 1 and 0. Only of sums */
    float *out;                       /* the output, or the gradient by the input */
    float *sums;                      /* for each piece the gradients by coefficient and bias, or NULL */
} windows;

#define IN_A_WINDOW(w, piece, column) \
    const long images = (w)->images, below = (w)->columns * images, \
               corner = 2 * ((piece) * below + (column) * images), \
               place = (piece) * below / 2 + (column) * images

#define CORNERS(w) \
    const float *restrict a = (w)->x + corner, *restrict b = a + images, *restrict c = a + below, \
                *restrict d = c + images

#define MORE(x, most) (((x) > (most)) | ((x) != (x))) /* what is no number wins */

static void max_row(const void *layer, int piece, int thread)
{
    const windows *w = layer;
    (void)thread;
    for (int column = 0; column < w->columns / 2; column++) {
        IN_A_WINDOW(w, piece, column);
        CORNERS(w);
        float *restrict out = w->out + place;
        for (long n = 0; n < images; n++) {
            const float of_two = MORE(b[n], a[n]) ? b[n] : a[n];
            const float of_three = MORE(c[n], of_two) ? c[n] : of_two;
            out[n] = MORE(d[n], of_three) ? d[n] : of_three;
        }
    }
}

/* The gradient goes to the first of the largest, or to the last that is no number. */
static void max_row_back(const void *layer, int piece, int thread)
{
    const windows *w = layer;
    (void)thread;
    for (int column = 0; column < w->columns / 2; column++) {
        IN_A_WINDOW(w, piece, column);
        CORNERS(w);
        const float *restrict grad = w->grad + place;
        float *restrict out = w->out + corner;
#pragma omp simd
        for (long n = 0; n < images; n++) {
            const float of_two = MORE(b[n], a[n]) ? b[n] : a[n];
            const float of_three = MORE(c[n], of_two) ? c[n] : of_two;
            const float not_last = MORE(d[n], of_three) ? 0 : grad[n];
            const float not_third = MORE(c[n], of_two) ? 0 : not_last;
            out[n] = MORE(b[n], a[n]) ? 0 : not_third;
            out[images + n] = MORE(b[n], a[n]) ? not_third : 0;
            out[below + n] = MORE(c[n], of_two) ? not_last : 0;
            out[below + images + n] = MORE(d[n], of_three) ? grad[n] : 0;
        }
    }
}

static void sum_row(const void *layer, int piece, int thread)
{
    const windows *w = layer;
    const int map = piece / (w->rows / 2);
    const float coefficient = w->coefficient ? w->coefficient[map] : 1, bias = w->bias ? w->bias[map] : 0;
    (void)thread;
    for (int column = 0; column < w->columns / 2; column++) {
        IN_A_WINDOW(w, piece, column);
        CORNERS(w);
        float *restrict out = w->out + place;
        for (long n = 0; n < images; n++)
            out[n] = coefficient * ((a[n] + b[n]) + (c[n] + d[n])) + bias;
    }
}

static void sum_row_back(const void *layer, int piece, int thread)
{
    const windows *w = layer;
    const float coefficient = w->coefficient ? w->coefficient[piece / (w->rows / 2)] : 1;
    float by_coefficient = 0, by_bias = 0;
    (void)thread;
    for (int column = 0; column < w->columns / 2; column++) {
        IN_A_WINDOW(w, piece, column);
        const float *restrict grad = w->grad + place;
        float *restrict out = w->out + corner;
        for (long n = 0; n < images; n++) {
            const float g = coefficient * grad[n];
            out[n] = g, out[images + n] = g, out[below + n] = g, out[below + images + n] = g;
        }
        if (w->sums) {
            CORNERS(w);
#pragma omp simd reduction(+ : by_coefficient, by_bias)
            for (long n = 0; n < images; n++) {
                by_coefficient += grad[n] * ((a[n] + b[n]) + (c[n] + d[n]));
                by_bias += grad[n];
            }
        }
    }
    if (w->sums)
        w->sums[2 * piece] = by_coefficient, w->sums[2 * piece + 1] = by_bias;
}

static int rows_of(const windows *w) { return w->maps * w->rows / 2; }

void max_windows(const windows *w, int threads) { share(max_row, w, rows_of(w), threads); }
void max_windows_back(const windows *w, int threads) { share(max_row_back, w, rows_of(w), threads); }
void sum_windows(const windows *w, int threads) { share(sum_row, w, rows_of(w), threads); }
void sum_windows_back(const windows *w, int threads) { share(sum_row_back, w, rows_of(w), threads); }

/* ---- Squashing: amplitude tanh(slope x) -------------------------------------------------------------- */

#define PIECE 8192

typedef struct {
    long count;
    const float *x; /* on the way back the result of the way forward */
    const float *grad;
    float *out;
    float amplitude, slope;
} squashing;

/* tanh(z) = 1 - 2 / (1 + exp 2z), where exp 2z = 2^whole 2^part with |part| <= 1/2. */
static void squash_piece(const void *layer, int piece, int thread)
{
    const squashing *s = layer;
    const long first = (long)piece * PIECE, last = first + PIECE < s->count ? first + PIECE : s->count;
    const float to_power_of_two = 2 * s->slope * 1.44269504f, amplitude = s->amplitude;
    const float most = 100; /* far beyond it 2^whole is no float */
    (void)thread;
    const float *restrict x = s->x;
    float *restrict out = s->out;
    for (long i = first; i < last; i++) {
        float power = x[i] * to_power_of_two;
        power = power > most ? most : power; /* what is no number stays it */
        power = power < -most ? -most : power;
        const float whole = (power + 12582912.0f) - 12582912.0f; /* 1.5 * 2^23: rounds to an integer */
        const float part = (power - whole) * 0.69314718f;
        float e = 1 / 24.f + part * (1 / 120.f + part / 720); /* the series of the exponential function */
        e = 1 + part * (1 + part * (1 / 2.f + part * (1 / 6.f + part * e)));
        const union {
            uint32_t bits;
            float number;
        } scale = {.bits = ((uint32_t)(int32_t)whole + 127) << 23}; /* 2^whole */
        out[i] = amplitude - 2 * amplitude / (1 + e * scale.number);
    }
}

static void squash_piece_back(const void *layer, int piece, int thread)
{
    const squashing *s = layer;
    const long first = (long)piece * PIECE, last = first + PIECE < s->count ? first + PIECE : s->count;
    const float steepest = s->slope * s->amplitude, fall = s->slope / s->amplitude;
    const float *restrict y = s->x, *restrict grad = s->grad;
    float *restrict out = s->out;
    (void)thread;
    for (long i = first; i < last; i++)
        out[i] = grad[i] * (steepest - fall * y[i] * y[i]);
}

static int pieces_of(const squashing *s) { return (int)((s->count + PIECE - 1) / PIECE); }

void squash(const squashing *s, int threads) { share(squash_piece, s, pieces_of(s), threads); }
void squash_back(const squashing *s, int threads) { share(squash_piece_back, s, pieces_of(s), threads); }
