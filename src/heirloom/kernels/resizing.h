/* Boxes of stored images, brought to one size: across and then down, by a triangle that widens where pixels become
   fewer, in whole numbers: byte by byte what Pillow's BILINEAR gives, first across, then down. */

#include <math.h>

#define PRECISION 22 /* bits behind the point of a weight: 255 of them fit into 32 bits */

/* Mirrored by `Resizes` in native.py. */
typedef struct {
    int images, channels;
    long rows, columns, out_rows, out_columns;
    const uint8_t *stored;   /* [any number of images][channels][rows][columns] */
    const int64_t *index;    /* of the images that are wanted */
    const float *boxes;      /* [images][4]: left, top, right, bottom, in pixels */
    const uint8_t *mirrored; /* [images], whether left and right are exchanged */
    uint8_t *out;            /* [images][channels][out_rows][out_columns] */
    uint8_t *work;           /* for each thread `resize_size` bytes */
} resizes;

/* What a number of the result is made of: `count` numbers from `first` on, each times a weight. */
typedef struct {
    int first, count;
} window;

static long most_weights(long in, long out)
{
    const double scale = (double)in / (double)out;
    return 2 * (long)ceil(scale < 1 ? 1 : scale) + 1;
}

/* No product is added to in one step (`volatile`): where a processor can, it rounds otherwise. */
static void weigh(long in, float from, float to, long out, long most, window *windows, int *weights)
{
    const double scale = (double)(to - from) / (double)out, wide = scale < 1 ? 1 : scale, narrow = 1 / wide;
    double found[most];
    for (long x = 0; x < out; x++) {
        const volatile double along = ((double)x + 0.5) * scale;
        const double centre = from + along;
        long first = (long)(centre - wide + 0.5), last = (long)(centre + wide + 0.5);
        first = first < 0 ? 0 : first;
        last = last > in ? in : last;
        const long count = last - first < most ? last - first : most;
        double sum = 0;
        for (long i = 0; i < count; i++) {
            const volatile double far = ((double)(i + first) - centre + 0.5) * narrow;
            const double apart = far < 0 ? -far : far;
            found[i] = apart < 1 ? 1 - apart : 0;
            sum += found[i];
        }
        windows[x] = (window){(int)first, (int)count};
        for (long i = 0; i < count; i++)
            weights[x * most + i] = (int)(0.5 + (sum != 0 ? found[i] / sum : found[i]) * (1 << PRECISION));
    }
}

/* Rows become other rows; what stands beside each other in a row shares its weights. */
static void mix_rows(const uint8_t *from, long beside, long out, long most, const window *windows,
                     const int *weights, int turned, int *restrict sums, uint8_t *to)
{
    for (long y = 0; y < out; y++) {
        const uint8_t *restrict rows = from + windows[y].first * beside;
        const int *restrict w = weights + y * most;
        uint8_t *restrict row = to + (turned ? out - 1 - y : y) * beside;
        const int count = windows[y].count;
        for (long x = 0; x < beside; x++)
            sums[x] = 1 << (PRECISION - 1);
        for (int i = 0; i < count; i++)
            for (long x = 0; x < beside; x++)
                sums[x] += w[i] * rows[i * beside + x];
        for (long x = 0; x < beside; x++)
            row[x] = (uint8_t)(sums[x] >> PRECISION); /* weights are not below 0, and their sum is 1 */
    }
}

/* Rows become columns, by squares that fit into the cache. */
static void rows_to_columns(const uint8_t *from, long step, long rows, long columns, uint8_t *to)
{
    for (long r = 0; r < rows; r += 16)
        for (long c = 0; c < columns; c += 16)
            for (long x = c; x < columns && x < c + 16; x++)
                for (long y = r; y < rows && y < r + 16; y++)
                    to[x * rows + y] = from[y * step + x];
}

static long aligned(long bytes) { return (bytes + 63) / 64 * 64; }

long resize_size(const resizes *r, int threads)
{
    const long across = most_weights(r->columns, r->out_columns), down = most_weights(r->rows, r->out_rows);
    (void)threads;
    return aligned(r->rows * r->columns) + 2 * aligned(r->rows * r->out_columns) +
           aligned((long)sizeof(window) * (r->out_columns + r->out_rows)) +
           aligned((long)sizeof(int) * (across * r->out_columns + down * r->out_rows + r->rows + r->out_columns));
}

static void resize_block(const void *given, int n, int thread)
{
    const resizes *r = given;
    const long across = most_weights(r->columns, r->out_columns), down = most_weights(r->rows, r->out_rows);
    const float *box = r->boxes + 4 * n;
    uint8_t *turned = r->work + thread * resize_size(r, 1);
    uint8_t *mixed = turned + aligned(r->rows * r->columns);
    uint8_t *back = mixed + aligned(r->rows * r->out_columns);
    window *columns = (window *)(back + aligned(r->rows * r->out_columns)), *rows = columns + r->out_columns;
    int *of_columns = (int *)((uint8_t *)columns + aligned((long)sizeof(window) * (r->out_columns + r->out_rows)));
    int *of_rows = of_columns + across * r->out_columns, *sums = of_rows + down * r->out_rows;
    weigh(r->columns, box[0], box[2], r->out_columns, across, columns, of_columns);
    weigh(r->rows, box[1], box[3], r->out_rows, down, rows, of_rows);

    /* Only what the results read. */
    const long top = rows[0].first, high = rows[r->out_rows - 1].first + rows[r->out_rows - 1].count - top;
    const window *end = columns + r->out_columns - 1;
    const long left = columns[0].first, wide = end->first + end->count - left;
    for (long x = 0; x < r->out_columns; x++)
        columns[x].first -= (int)left;
    for (long y = 0; y < r->out_rows; y++)
        rows[y].first -= (int)top;
    for (int channel = 0; channel < r->channels; channel++) {
        const long plane = r->index[n] * r->channels + channel, size = r->out_rows * r->out_columns;
        const uint8_t *stored = r->stored + plane * r->rows * r->columns + top * r->columns + left;
        rows_to_columns(stored, r->columns, high, wide, turned);
        mix_rows(turned, high, r->out_columns, across, columns, of_columns, r->mirrored[n], sums, mixed);
        rows_to_columns(mixed, high, r->out_columns, high, back);
        mix_rows(back, r->out_columns, r->out_rows, down, rows, of_rows, 0, sums,
                 r->out + ((long)n * r->channels + channel) * size);
    }
}

void resize(const resizes *r, int threads)
{
    share(resize_block, r, r->images, threads);
}
