/* Boxes of images, brought to one size: across and then down, by a triangle that widens where pixels become fewer, in
   whole numbers: byte by byte what Pillow's BILINEAR gives, first across, then down, or PyTorch's. */

#include <math.h>

#define PRECISION 22 /* bits behind the point of a weight, Pillow's: 255 of them fit into 32 bits */
#define AHEAD 8      /* rows that are asked of the memory before they are read */

/* So many results beside each other are computed at once, from bytes that one instruction can bring into any order. */
#if defined(__AVX512VBMI__)
#define BESIDE 16
#elif defined(__AVX2__)
#define BESIDE 8
#else
#define BESIDE 4
#endif
#define WIDE (4 * BESIDE)
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the first of four bytes is taken to be the lowest of a number"
#endif

typedef uint32_t sums __attribute__((vector_size(WIDE)));
typedef uint8_t fours __attribute__((vector_size(WIDE)));

/* Mirrored by `Resizes` in native.py. */
typedef struct {
    int images, channels;
    long rows, columns, out_rows, out_columns;
    long from_image, from_channel, from_row, from_column; /* from a stored number to the next image's, ... */
    long to_channel, to_column; /* from a number of the result to the next channel's, the next column's */
    long short_weights;      /* whether they have as many bits as fit into 16, as PyTorch's */
    const uint8_t *stored;   /* any number of images */
    const int64_t *index;    /* of the images that are wanted, or NULL: all in their order */
    const float *boxes;      /* [images][4]: left, top, right, bottom, in pixels; or NULL: the whole images */
    const uint8_t *mirrored; /* [images], whether left and right are exchanged, or NULL: none */
    const float *levels;     /* [images][channels][256], or NULL: the grey values themselves are wanted */
    void *out;               /* [images], each as its steps say, of floats; or of bytes where there are no levels */
    uint8_t *work;           /* for each thread `resize_size` bytes */
} resizes;

/* What a number of the result is made of: `count` numbers from `first` on, each times a weight. */
typedef struct {
    int first, count;
} window;

/* Up to four numbers for each of BESIDE results, all of them near to each other. */
typedef struct {
    fours places;    /* from `first` on */
    sums weights[4]; /* of the first, the second, ... number of each result */
    int first, more; /* whether what follows belongs to the same results */
} taps;

static int most_weights(long in, long out)
{
    const double scale = (double)in / (double)out;
    return 2 * (int)ceil(scale < 1 ? 1 : scale) + 1;
}

/* The windows of all results. No product is added to in one step (`volatile`): where a processor can, it rounds
   otherwise. Returns the largest weight. */
static double weigh(long in, float from, float to, long out, long most, window *windows, double *weights)
{
    const double scale = (double)(to - from) / (double)out, wide = scale < 1 ? 1 : scale, narrow = 1 / wide;
    double largest = 0;
    for (long x = 0; x < out; x++) {
        const volatile double along = ((double)x + 0.5) * scale;
        const double centre = from + along;
        long first = (long)(centre - wide + 0.5), last = (long)(centre + wide + 0.5);
        first = first < 0 ? 0 : first;
        last = last > in ? in : last;
        const long count = last - first < most ? last - first : most;
        double *found = weights + x * most, sum = 0;
        for (long i = 0; i < count; i++) {
            const volatile double far = ((double)(i + first) - centre + 0.5) * narrow;
            const double apart = far < 0 ? -far : far;
            found[i] = apart < 1 ? 1 - apart : 0;
            sum += found[i];
        }
        windows[x] = (window){(int)first, (int)count};
        for (long i = 0; i < count; i++) {
            found[i] = sum != 0 ? found[i] / sum : found[i];
            largest = found[i] > largest ? found[i] : largest;
        }
    }
    return largest;
}

/* Weights in whole numbers; returns the bits behind their point. */
static int in_bits(const resizes *r, double largest, const window *windows, const double *weights, long most, long out,
                   int *to)
{
    int bits = PRECISION;
    if (r->short_weights)
        for (bits = 0; bits < PRECISION && (int)(0.5 + largest * (1 << (bits + 1))) < 1 << 15; bits++)
            ;
    for (long x = 0; x < out; x++)
        for (long i = x * most; i < x * most + windows[x].count; i++)
            to[i] = (int)(0.5 + weights[i] * (1 << bits));
    return bits;
}

/* The windows of a row of `in` numbers as `mix_across` takes them, perhaps from the last result to the first. */
static void collect(const window *windows, const int *weights, long most, long in, long out, int turned, taps *to)
{
    const long last = in < WIDE ? 0 : in - WIDE; /* nothing is read behind the row */
    for (long x = 0; x < out; x += BESIDE) {
        int taken[BESIDE] = {0};
        for (;; to++) {
            long first = -1;
            for (int lane = 0; lane < BESIDE && x + lane < out; lane++) {
                const window *w = windows + (turned ? out - 1 - x - lane : x + lane);
                const long next = w->first + taken[lane];
                if (taken[lane] < w->count && (first < 0 || next < first))
                    first = next;
            }
            if (first < 0)
                break;
            first = first > last ? last : first;
            *to = (taps){.first = (int)first, .more = 1};
            for (int lane = 0; lane < BESIDE && x + lane < out; lane++) {
                const long at = turned ? out - 1 - x - lane : x + lane;
                for (int i = 0; i < 4 && taken[lane] < windows[at].count; i++, taken[lane]++) {
                    const long place = windows[at].first + taken[lane] - first;
                    if (place >= WIDE)
                        break;
                    to->places[4 * lane + i] = (uint8_t)place;
                    to->weights[i][lane] = (uint32_t)weights[at * most + taken[lane]];
                }
            }
        }
        to[-1].more = 0;
    }
}

#define HALF(bits) ((sums){0} + (1u << ((bits) - 1))) /* no weight is below 0, the sum of a number's is 1 */

static const uint8_t *straight(const uint8_t *restrict row, long step, long count, uint8_t *restrict to)
{
    if (step == 3)
        for (long x = 0; x < count; x++)
            to[x] = row[3 * x];
    else
        for (long x = 0; x < count; x++)
            to[x] = row[step * x];
    return to;
}

/* A row of `count` times BESIDE results, from one of at least WIDE bytes. */
static void mix_across(const uint8_t *row, const taps *t, int bits, long count, sums *restrict to)
{
    for (long x = 0; x < count; x++) {
        sums sum = HALF(bits);
        do {
            fours bytes;
            memcpy(&bytes, row + t->first, sizeof bytes);
            const sums each = (sums)__builtin_shuffle(bytes, t->places);
            sum += (each & 255) * t->weights[0] + (each >> 8 & 255) * t->weights[1];
            sum += (each >> 16 & 255) * t->weights[2] + (each >> 24) * t->weights[3];
        } while (t++->more);
        to[x] = sum >> bits;
    }
}

/* Rows become one row. */
ALWAYS_INLINE void mix_few(const sums *const *rows, const int few, const int *weights, int bits, long count,
                           sums *restrict to)
{
    for (long x = 0; x < count; x++) {
        sums sum = HALF(bits);
        UNROLL
        for (int i = 0; i < few; i++)
            sum += rows[i][x] * (uint32_t)weights[i];
        to[x] = sum >> bits;
    }
}

static void mix_down(const sums *const *rows, int few, const int *weights, int bits, long count, sums *to)
{
    switch (few) { /* the same, with all weights in registers */
    case 2: mix_few(rows, 2, weights, bits, count, to); break;
    case 3: mix_few(rows, 3, weights, bits, count, to); break;
    case 4: mix_few(rows, 4, weights, bits, count, to); break;
    default: mix_few(rows, few, weights, bits, count, to);
    }
}

static void as_bytes(const uint32_t *restrict found, long count, uint8_t *restrict to)
{
    for (long x = 0; x < count; x++)
        to[x] = (uint8_t)found[x];
}

/* Parts of the memory of a thread. */
typedef struct {
    taps *taps;
    window *columns, *rows;
    int *of_columns, *of_rows;
    double *exact; /* weights before they are whole numbers */
    sums *mixed, *found; /* [channels][down], the last rows of each channel; a row of the result */
    uint8_t *bytes;      /* and of all channels, */
    table *tables;       /* looked up in these */
    uint8_t *row;        /* of the image, where it does not lie so or has less than WIDE columns */
    long beside;         /* vectors of a row of these two */
    int across, down;    /* most weights of a number */
    long size;
} parts;

static long room(long *size, long bytes)
{
    const long begin = *size;
    *size += (bytes + 63) / 64 * 64;
    return begin;
}

static parts parts_of(const resizes *r, uint8_t *memory)
{
    parts p = {.across = most_weights(r->columns, r->out_columns), .down = most_weights(r->rows, r->out_rows)};
    p.beside = (r->out_columns + BESIDE - 1) / BESIDE;
    const long row = (long)sizeof(sums) * p.beside, fours_of = (p.across + 3) / 4;
    p.taps = (taps *)(memory + room(&p.size, (long)sizeof(taps) * BESIDE * p.beside * fours_of));
    p.columns = (window *)(memory + room(&p.size, (long)sizeof(window) * r->out_columns));
    p.rows = (window *)(memory + room(&p.size, (long)sizeof(window) * r->out_rows));
    p.of_columns = (int *)(memory + room(&p.size, (long)sizeof(int) * p.across * r->out_columns));
    p.of_rows = (int *)(memory + room(&p.size, (long)sizeof(int) * p.down * r->out_rows));
    const long weights = p.across * r->out_columns, others = p.down * r->out_rows;
    p.exact = (double *)(memory + room(&p.size, (long)sizeof(double) * (weights > others ? weights : others)));
    p.mixed = (sums *)(memory + room(&p.size, r->channels * p.down * row));
    p.found = (sums *)(memory + room(&p.size, row));
    p.bytes = memory + room(&p.size, r->channels * padded(r->out_columns));
    p.tables = (table *)(memory + room(&p.size, (long)sizeof(table) * r->channels));
    p.row = memory + room(&p.size, r->columns + WIDE);
    return p;
}

long resize_size(const resizes *r, int threads) { return threads * parts_of(r, NULL).size; }

static void resize_block(const void *given, int n, int thread)
{
    const resizes *r = given;
    const parts p = parts_of(r, r->work + thread * resize_size(r, 1));
    const float whole[] = {0, 0, (float)r->columns, (float)r->rows}, *box = r->boxes ? r->boxes + 4 * n : whole;
    const uint8_t *stored = r->stored + (r->index ? r->index[n] : n) * r->from_image;
    double largest = weigh(r->columns, box[0], box[2], r->out_columns, p.across, p.columns, p.exact);
    const int bits = in_bits(r, largest, p.columns, p.exact, p.across, r->out_columns, p.of_columns);
    largest = weigh(r->rows, box[1], box[3], r->out_rows, p.down, p.rows, p.exact);
    const int bits_down = in_bits(r, largest, p.rows, p.exact, p.down, r->out_rows, p.of_rows);
    collect(p.columns, p.of_columns, p.across, r->columns, r->out_columns, r->mirrored && r->mirrored[n], p.taps);
    const layout l = {r->channels, r->out_columns, r->to_channel, r->to_column};
    const long image = (long)n * r->channels;
    for (int channel = 0; channel < r->channels && r->levels; channel++)
        tabulate(r->levels + 256 * (image + channel), p.tables + channel);

    int done = 0; /* rows of each channel */
    for (long y = 0; y < r->out_rows; y++) {
        const window *w = p.rows + y;
        for (done = done < w->first ? w->first : done; done < w->first + w->count; done++)
            for (int channel = 0; channel < r->channels; channel++) {
                const uint8_t *row = stored + channel * r->from_channel + done * r->from_row;
                for (long x = (long)box[0] * r->from_column; x < box[2] * (float)r->from_column; x += 64)
                    __builtin_prefetch(row + AHEAD * r->from_row + x);
                if (r->from_column != 1 || r->columns < WIDE)
                    row = straight(row, r->from_column, r->columns, p.row);
                mix_across(row, p.taps, bits, p.beside, p.mixed + (channel * p.down + done % p.down) * p.beside);
            }
        for (int channel = 0; channel < r->channels; channel++) {
            const sums *rows[p.down];
            for (int i = 0; i < w->count; i++)
                rows[i] = p.mixed + (channel * p.down + (w->first + i) % p.down) * p.beside;
            mix_down(rows, w->count, p.of_rows + y * p.down, bits_down, p.beside, p.found);

            as_bytes((const uint32_t *)p.found, l.count,
                     r->levels ? p.bytes + channel * padded(l.count)
                               : (uint8_t *)r->out + ((image + channel) * r->out_rows + y) * l.count);
        }
        if (r->levels)
            look_up_rows(p.bytes, p.tables, &l, (float *)r->out + (image * r->out_rows + y * l.to_column) * l.count);
    }
}

void resize(const resizes *r, int threads)
{
    share(resize_block, r, r->images, threads);
}
