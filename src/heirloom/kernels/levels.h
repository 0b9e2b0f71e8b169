/* Rows of grey values to what a table says of each: the last step of whatever makes a batch of stored images. */

/* Numbers of a row that are looked up in whole vectors, where there are such. */
static long padded(long count) { return (count + 63) / 64 * 64; }

/* Where a row of each channel goes. */
typedef struct {
    long channels, count, to_channel, to_column;
} layout;

#if defined(__AVX512VBMI__) /* one instruction looks up 64 bytes, each among 128 */
typedef uint8_t many __attribute__((vector_size(64)));

#define TWO(i) (i), (i) + 64
#define EIGHT(i) TWO(i), TWO((i) + 1), TWO((i) + 2), TWO((i) + 3)
#define BY_TURNS (many){EIGHT(0), EIGHT(4), EIGHT(8), EIGHT(12), EIGHT(16), EIGHT(20), EIGHT(24), EIGHT(28)}

/* 256 numbers: the first byte of each, the second, the third, the fourth. */
typedef struct {
    many bytes[4][4];
} table;

static void tabulate(const float *levels, table *to)
{
    const uint8_t *from = (const uint8_t *)levels;
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 256; i++)
            ((uint8_t *)to->bytes[k])[i] = from[4 * i + k];
}

static void look_up_row(const uint8_t *from, long count, const table *t, float *to)
{
    const many front = BY_TURNS, back = front + (uint8_t)32;
    for (long x = 0; x < count; x += 64) {
        many at, found[4];
        memcpy(&at, from + x, sizeof at);
        const many upper = (many)(at > 127);
        UNROLL
        for (int k = 0; k < 4; k++)
            found[k] = (__builtin_shuffle(t->bytes[k][0], t->bytes[k][1], at) & ~upper) |
                       (__builtin_shuffle(t->bytes[k][2], t->bytes[k][3], at) & upper);
        UNROLL
        for (int k = 0; k < 4; k++) {
            const many half = k < 2 ? front : back; /* first and third, second and fourth bytes, then all by turns */
            const many number = __builtin_shuffle(__builtin_shuffle(found[0], found[2], half),
                                                  __builtin_shuffle(found[1], found[3], half), k % 2 ? back : front);
            memcpy(to + x + 16 * k, &number, sizeof number);
        }
    }
}

/* Past the caches, in whole lines of them: a batch is larger, and what was there before is not read. The counter of
   pieces that are done puts it in order for other threads. */
static void put(float *restrict to, const float *restrict from, long count)
{
    typedef float __attribute__((vector_size(64))) line;
    long i = 0;
    for (; i < count && (uintptr_t)(to + i) % sizeof(line); i++)
        to[i] = from[i];
    for (; i + 16 <= count; i += 16) {
        line next;
        memcpy(&next, from + i, sizeof next);
        __builtin_ia32_movntps512(to + i, next);
    }
    for (; i < count; i++)
        to[i] = from[i];
}

/* Rows of all channels, each padded, are looked up. */
static void look_up_rows(const uint8_t *rows, const table *tables, const layout *l, float *restrict to)
{
    const long next = padded(l->count), count = l->count;
    float found[l->channels * next];
    for (long channel = 0; channel < l->channels; channel++)
        look_up_row(rows + channel * next, count, tables + channel, found + channel * next);
    if (l->to_column == 1)
        for (long channel = 0; channel < l->channels; channel++)
            put(to + channel * l->to_channel, found + channel * next, count);
    else if (l->to_column == 3) {
        float all[3 * next];
        for (long x = 0; x < count; x++) {
            all[3 * x] = found[x];
            all[3 * x + 1] = found[next + x];
            all[3 * x + 2] = found[2 * next + x];
        }
        put(to, all, 3 * count);
    } else
        for (long x = 0; x < count; x++)
            for (long channel = 0; channel < l->channels; channel++)
                to[x * l->to_column + channel] = found[channel * next + x];
}
#else
typedef struct {
    const float *levels;
} table;

static void tabulate(const float *levels, table *to) { to->levels = levels; }

static void look_up_rows(const uint8_t *restrict rows, const table *tables, const layout *l, float *restrict to)
{
    const long count = l->count, step = l->to_column;
    for (long channel = 0; channel < l->channels; channel++) {
        const float *restrict levels = tables[channel].levels;
        UNROLL
        for (long x = 0; x < count; x++)
            to[channel * l->to_channel + x * step] = levels[rows[channel * padded(count) + x]];
    }
}
#endif
