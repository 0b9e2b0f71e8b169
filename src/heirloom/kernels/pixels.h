/* Stored images to what a network reads, by a table of what each grey value becomes. */

/* Mirrored by `Pixels` in native.py. */
typedef struct {
    int images, channels;
    long places;           /* of a channel */
    const uint8_t *stored; /* [any number of images][channels][places] */
    const int64_t *index;  /* of the images that are wanted */
    const float *levels;   /* [channels][256] */
    float *out;            /* [images][channels][places] */
} pixels;

static void look_up_block(const void *given, int block, int thread)
{
    const pixels *p = given;
    const int first = block * LANES, last = least(first + LANES, p->images);
    const long size = p->channels * p->places;
    (void)thread;
    for (int n = first; n < last; n++) /* they lie anywhere in memory: ask for all before the first is read */
        for (long i = 0; i < size; i += 64)
            __builtin_prefetch(p->stored + p->index[n] * size + i);
    for (int n = first; n < last; n++)
        for (int channel = 0; channel < p->channels; channel++) {
            const float *levels = p->levels + 256 * channel;
            const uint8_t *restrict from = p->stored + (p->index[n] * p->channels + channel) * p->places;
            float *restrict to = p->out + ((long)n * p->channels + channel) * p->places;
            for (long i = 0; i < p->places; i++)
                to[i] = levels[from[i]];
        }
}

void look_up(const pixels *p, int threads)
{
    share(look_up_block, p, (int)in_vectors(p->images), threads);
}

/* Mirrored by `Crops` in native.py. */
typedef struct {
    int images, channels;
    long rows, columns, out_rows, out_columns;
    long to_channel, to_column; /* from a number of the result to the next channel's, the next column's */
    const uint8_t *stored;   /* [any number of images][channels][rows][columns] */
    const int64_t *index;    /* of the images that are wanted */
    const int64_t *corners;  /* [images][2], row and column at which each one begins */
    const uint8_t *mirrored; /* [images] */
    const float *levels;     /* [images][channels][256] */
    float *out;              /* [images], each as its steps say */
} crops;

static void crop_block(const void *given, int n, int thread)
{
    const crops *p = given;
    (void)thread;
    const layout l = {p->channels, p->out_columns, p->to_channel, p->to_column};
    const long image = (long)n * p->channels, next = padded(l.count);
    uint8_t rows[l.channels * next];
    table tables[l.channels];
    for (int channel = 0; channel < p->channels; channel++)
        tabulate(p->levels + 256 * (image + channel), tables + channel);
    for (long y = 0; y < p->out_rows; y++) {
        for (int channel = 0; channel < p->channels; channel++) {
            const long plane = p->index[n] * p->channels + channel, row = p->corners[2 * n] + y;
            const uint8_t *restrict from = p->stored + (plane * p->rows + row) * p->columns + p->corners[2 * n + 1];
            uint8_t *restrict to = rows + channel * next;
            if (p->mirrored[n])
                for (long x = 0; x < l.count; x++)
                    to[x] = from[l.count - 1 - x];
            else
                memcpy(to, from, (size_t)l.count);
        }
        look_up_rows(rows, tables, &l, p->out + (image * p->out_rows + y * l.to_column) * l.count);
    }
}

void crop(const crops *p, int threads)
{
    share(crop_block, p, p->images, threads);
}
