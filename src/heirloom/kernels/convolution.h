/* Convolution of few maps: stride 1, no padding. */

#define WIDEST 7   /* rows and columns of a kernel */
#define TOGETHER 4 /* output maps whose weights' gradients are summed at a time */

static int kernel_size(const layer *l) { return l->kernel_rows * l->kernel_columns; }
static long weights_of(const layer *l) { return (long)l->out_maps * l->maps * kernel_size(l); }

/* Order the weights as [groups of maps to be computed][maps that are read][rows][columns][maps of the group].
   On the way back kernels are turned round, and the output maps are read. */
static void pack(const layer *l, int back)
{
    const int computed = back ? l->maps : l->out_maps, read = back ? l->out_maps : l->maps;
    const int size = kernel_size(l);
    float *to = (float *)l->packed;
    for (int group = 0; group < groups_of(computed); group++)
        for (int from = 0; from < read; from++)
            for (int i = 0; i < size; i++)
                for (int map = begin_of(group, computed); map < begin_of(group + 1, computed); map++) {
                    const int out = back ? from : map, in = back ? map : from;
                    *to++ = l->weight[(out * l->maps + in) * size + (back ? size - 1 - i : i)];
                }
}

/* What kernels read, and the part of them that lies on its maps at one place. */
typedef struct {
    int maps, width, kernel_size, kernel_columns;
    long plane;
    int first_row, last_row, first_column, last_column; /* last: one after it */
} view;

/* Sums of `count` maps at one place, whose kernels have their first corner at `x`. */
ALWAYS_INLINE void sums_at(const int count, const view *v, const vec *x, const float *kernel,
                           const float *bias, vec *out, long apart)
{
    vec sums[SUMS];
    UNROLL for (int i = 0; i < count; i++) sums[i] = (vec){0} + (bias ? bias[i] : 0);
    for (int map = 0; map < v->maps; map++, x += v->plane, kernel += count * v->kernel_size)
        for (int row = v->first_row; row < v->last_row; row++)
            for (int column = v->first_column; column < v->last_column; column++) {
                const vec here = x[(long)row * v->width + column];
                const float *w = kernel + count * (row * v->kernel_columns + column);
                UNROLL for (int i = 0; i < count; i++) sums[i] += here * w[i];
            }
    UNROLL for (int i = 0; i < count; i++) out[i * apart] = sums[i];
}

/* Slide kernels over maps, from `above` rows above the first and `beside` columns beside it. */
static void slide(const layer *l, const vec *x, int maps, int rows, int columns, int above, int beside,
                  const float *bias, int out_maps, vec *out)
{
    const int high = rows + 2 * above - l->kernel_rows + 1, wide = columns + 2 * beside - l->kernel_columns + 1;
    view v = {maps, columns, kernel_size(l), l->kernel_columns, (long)rows * columns};
    for (int group = 0; group < groups_of(out_maps); group++) {
        const int first = begin_of(group, out_maps), count = begin_of(group + 1, out_maps) - first;
        const float *kernel = (const float *)l->packed + (long)first * maps * v.kernel_size;
        const float *biases = bias ? bias + first : NULL;
        for (int row = 0; row < high; row++)
            for (int column = 0; column < wide; column++) {
                const int top = row - above, left = column - beside;
                v.first_row = top < 0 ? -top : 0, v.last_row = least(l->kernel_rows, rows - top);
                v.first_column = left < 0 ? -left : 0, v.last_column = least(l->kernel_columns, columns - left);
                const vec *corner = x + (long)top * columns + left;
                vec *to = out + ((long)first * high + row) * wide + column;
#define CASE(n) \
    case n: \
        sums_at(n, &v, corner, kernel, biases, to, (long)high * wide); \
        break;
                switch (count) { UP_TO_SUMS }
#undef CASE
            }
    }
}

static void convolve(const layer *l, const vec *in, vec *out)
{
    slide(l, in, l->maps, l->rows, l->columns, 0, 0, l->bias, l->out_maps, out);
}

/* Gradients by one row of the kernels between an input map and `maps` output maps. */
ALWAYS_INLINE void gradients_of_row(const int maps, const int wide, const layer *l, const vec *x,
                                    const vec *grad, vec *out)
{
    const long plane = (long)l->out_rows * l->out_columns;
    vec sums[TOGETHER][WIDEST] = {0};
    for (int row = 0; row < l->out_rows; row++, x += l->columns, grad += l->out_columns)
        for (int column = 0; column < l->out_columns; column++) {
            vec g[TOGETHER];
            UNROLL for (int m = 0; m < maps; m++) g[m] = grad[m * plane + column];
            UNROLL for (int i = 0; i < wide; i++)
            {
                const vec seen = x[column + i];
                UNROLL for (int m = 0; m < maps; m++) sums[m][i] += g[m] * seen;
            }
        }
    UNROLL for (int m = 0; m < maps; m++)
    {
        UNROLL for (int i = 0; i < wide; i++) out[m * kernel_size(l) + i] = sums[m][i];
    }
}

/* Gradients by the kernels between an input map and up to TOGETHER output maps: [maps][rows][columns]. */
static void gradients_of_kernels(const layer *l, const vec *x, const vec *grad, int maps, float *found)
{
    vec sums[TOGETHER * WIDEST * WIDEST + LANES];
    for (int row = 0; row < l->kernel_rows; row++)
        switch (8 * maps + l->kernel_columns) {
#define CASE(m, n) \
    case 8 * m + n: \
        gradients_of_row(m, n, l, x + (long)row * l->columns, grad, sums + row * n); \
        break;
#define CASES(m) CASE(m, 1) CASE(m, 2) CASE(m, 3) CASE(m, 4) CASE(m, 5) CASE(m, 6) CASE(m, 7)
            CASES(1) CASES(2) CASES(3) CASES(4)
#undef CASES
#undef CASE
        }
    sum_lanes(sums, maps * kernel_size(l), found);
}

static void convolve_back(const layer *l, const vec *in, const vec *grad, vec *in_grad, int block)
{
    const int size = kernel_size(l), groups = (l->out_maps + TOGETHER - 1) / TOGETHER;
    const long plane = (long)l->out_rows * l->out_columns;
    float *weights = (float *)(l->sums + block * in_vectors(weights_of(l) + l->out_maps));
    float *biases = weights + weights_of(l);
    for (int group = 0; group < groups; group++) {
        const int first = l->out_maps * group / groups, maps = l->out_maps * (group + 1) / groups - first;
        for (int map = 0; map < l->maps; map++) {
            float found[TOGETHER * WIDEST * WIDEST + LANES];
            gradients_of_kernels(l, in + (long)map * l->rows * l->columns, grad + first * plane, maps, found);
            for (int m = 0; m < maps; m++)
                memcpy(weights + ((long)(first + m) * l->maps + map) * size, found + m * size,
                       sizeof(float) * (size_t)size);
        }
        vec sums[TOGETHER + LANES] = {0};
        float found[TOGETHER + LANES];
        for (int m = 0; m < maps; m++)
            for (long i = 0; i < plane; i++)
                sums[m] += grad[(first + m) * plane + i];
        sum_lanes(sums, maps, found);
        memcpy(biases + first, found, sizeof(float) * (size_t)maps);
    }
    if (in_grad)
        slide(l, grad, l->out_maps, l->out_rows, l->out_columns, l->kernel_rows - 1, l->kernel_columns - 1,
              NULL, l->maps, in_grad);
}
