/* Vectors, and what all kinds of layers have in common. */

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#define LANE_NUMBERS {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
#elif defined(__AVX__)
#define LANES 8
#define LANE_NUMBERS {0, 1, 2, 3, 4, 5, 6, 7}
#else
#define LANES 4
#define LANE_NUMBERS {0, 1, 2, 3}
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

static long in_vectors(long floats) { return (floats + LANES - 1) / LANES; }

/* Units or maps are computed in groups of nearly the same size, whose sums fit into the registers. */
#define SUMS 12
#define UP_TO_SUMS \
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)

static int groups_of(int count) { return (count + SUMS - 1) / SUMS; }
static int begin_of(int group, int count) { return count * group / groups_of(count); }

/* Mirrored by `Layer` in native.py. The numbers that pass are [maps][rows][columns] vectors for each block. */
typedef struct {
    int kind;
    int maps, rows, columns; /* of the input */
    int out_maps, out_rows, out_columns;
    int kernel_rows, kernel_columns;
    float amplitude, slope;
    const float *weight, *bias; /* NULL for none */
    float *weight_grad;         /* on the way back, the bias's after the weight's */
    /* set by `lay_out` */
    vec *out;    /* of all blocks; that of the layer before where a layer works in place */
    vec *packed; /* weights in the order in which `slide` reads them */
    vec *sums;   /* of a convolution or of windows: for each block, gradients by the parameters */
    vec *grads;  /* of a product: the gradient by the output, of all blocks */
    vec *turned; /* and its input, [images][places] */
} layer;

static int in_places(const layer *l) { return l->maps * l->rows * l->columns; }
static int out_places(const layer *l) { return l->out_maps * l->out_rows * l->out_columns; }

/* Of two vectors, in each group of 2 `step` lanes, the lower halves into the first, the upper into the second. */
ALWAYS_INLINE void exchange(vec *a, vec *b, const int step)
{
    const ivec lane = LANE_NUMBERS, second = (lane & step) / step * LANES;
    const vec lower = __builtin_shuffle(*a, *b, (lane & ~step) + second);
    *b = __builtin_shuffle(*a, *b, (lane | step) + second);
    *a = lower;
}

/* Rows become columns. */
ALWAYS_INLINE void transpose(vec v[LANES])
{
    UNROLL for (int step = 1; step < LANES; step *= 2)
    {
        UNROLL for (int i = 0; i < LANES; i++) if (!(i & step)) exchange(v + i, v + i + step, step);
    }
}

/* The sums of the lanes of `count` vectors. Both may be longer: whole vectors are read and written. */
static void sum_lanes(const vec *v, int count, float *sums)
{
    for (int first = 0; first < count; first += LANES) {
        vec part[LANES], sum = {0};
        memcpy(part, v + first, sizeof(part));
        transpose(part);
        UNROLL for (int i = 0; i < LANES; i++) sum += part[i];
        memcpy(sums + first, &sum, sizeof(vec));
    }
}

/* [images][places] of up to LANES images to one vector a place; lanes without an image get zeros. */
static void gather(const float *x, int images, long places, vec *to)
{
    for (long first = 0; first < places; first += LANES) {
        const int here = least(LANES, (int)(places - first));
        vec part[LANES] = {0};
        for (int n = 0; n < images; n++)
            if (here == LANES)
                memcpy(part + n, x + n * places + first, sizeof(vec));
            else
                memcpy(part + n, x + n * places + first, sizeof(float) * (size_t)here);
        transpose(part);
        memcpy(to + first, part, sizeof(vec) * (size_t)here);
    }
}

/* And back. `row` floats lie between two images. */
static void scatter(const vec *from, int images, long places, float *to, long row)
{
    for (long first = 0; first < places; first += LANES) {
        const int here = least(LANES, (int)(places - first));
        vec part[LANES] = {0};
        memcpy(part, from + first, sizeof(vec) * (size_t)here);
        transpose(part);
        for (int n = 0; n < images; n++)
            memcpy(to + n * row + first, part + n, sizeof(float) * (size_t)here);
    }
}
