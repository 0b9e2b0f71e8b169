/* Windows of 2 x 2 with stride 2: the largest, or a coefficient times the sum plus a bias. */

#define EACH_LANE _Pragma("omp simd") for (int n = 0; n < LANES; n++)

#define CORNERS(x, columns) \
    const float *restrict a = (const float *)(x), *restrict b = a + LANES, \
                *restrict c = a + (columns) * LANES, *restrict d = c + LANES

#define MORE(x, most) (((x) > (most)) | ((x) != (x))) /* what is no number wins */

static void largest(const layer *l, const vec *in, vec *out)
{
    for (int row = 0; row < l->maps * l->out_rows; row++, in += l->columns)
        for (int column = 0; column < l->out_columns; column++, in += 2, out++) {
            CORNERS(in, l->columns);
            float *restrict to = (float *)out;
            EACH_LANE
            {
                const float of_two = MORE(b[n], a[n]) ? b[n] : a[n];
                const float of_three = MORE(c[n], of_two) ? c[n] : of_two;
                to[n] = MORE(d[n], of_three) ? d[n] : of_three;
            }
        }
}

/* The gradient goes to the first of the largest, or to the last that is no number. */
static void largest_back(const layer *l, const vec *in, const vec *grad, vec *in_grad)
{
    const int below = l->columns * LANES;
    for (int row = 0; row < l->maps * l->out_rows; row++, in += l->columns, in_grad += l->columns)
        for (int column = 0; column < l->out_columns; column++, in += 2, in_grad += 2, grad++) {
            CORNERS(in, l->columns);
            const float *restrict g = (const float *)grad;
            float *restrict to = (float *)in_grad;
            EACH_LANE
            {
                const float of_two = MORE(b[n], a[n]) ? b[n] : a[n];
                const float of_three = MORE(c[n], of_two) ? c[n] : of_two;
                const float not_last = MORE(d[n], of_three) ? 0 : g[n];
                const float not_third = MORE(c[n], of_two) ? 0 : not_last;
                to[n] = MORE(b[n], a[n]) ? 0 : not_third;
                to[LANES + n] = MORE(b[n], a[n]) ? not_third : 0;
                to[below + n] = MORE(c[n], of_two) ? not_last : 0;
                to[below + LANES + n] = MORE(d[n], of_three) ? g[n] : 0;
            }
        }
}

/* Of each map, or of each of several consecutive output maps that read the same one. The coefficient is
   trained where there are weights; else it is `slope`, and there is no bias. */
static void sums_of_windows(const layer *l, const vec *in, vec *out)
{
    for (int map = 0; map < l->out_maps; map++) {
        const float coefficient = l->weight ? l->weight[map] : l->slope, bias = l->bias ? l->bias[map] : 0;
        const vec *x = in + (long)(map * l->maps / l->out_maps) * l->rows * l->columns;
        for (int row = 0; row < l->out_rows; row++, x += l->columns)
            for (int column = 0; column < l->out_columns; column++, x += 2)
                *out++ = coefficient * ((x[0] + x[1]) + (x[l->columns] + x[l->columns + 1])) + bias;
    }
}

static void sums_of_windows_back(const layer *l, const vec *in, const vec *grad, vec *in_grad, int block)
{
    const int pair = l->out_maps / l->maps;
    const long plane = (long)l->rows * l->columns, size = in_vectors(2 * l->out_maps);
    vec sums[2 * LANES] = {0};
    float *found = (float *)(l->sums + block * size);
    for (int map = 0; map < l->out_maps; map++) {
        const float coefficient = l->weight ? l->weight[map] : l->slope;
        const vec *x = in + map / pair * plane;
        vec *to = in_grad ? in_grad + map / pair * plane : NULL, by_coefficient = {0}, by_bias = {0};
        for (int row = 0; row < l->out_rows; row++, x += l->columns, to += to ? l->columns : 0)
            for (int column = 0; column < l->out_columns; column++, x += 2, grad++) {
                const vec by_sum = coefficient * *grad;
                by_bias += *grad;
                by_coefficient += *grad * ((x[0] + x[1]) + (x[l->columns] + x[l->columns + 1]));
                if (!to)
                    continue;
                if (map % pair) {
                    to[0] += by_sum, to[1] += by_sum, to[l->columns] += by_sum, to[l->columns + 1] += by_sum;
                } else {
                    to[0] = to[1] = to[l->columns] = to[l->columns + 1] = by_sum;
                }
                to += 2;
            }
        if (!l->weight)
            continue;
        sums[0] = by_coefficient, sums[1] = by_bias;
        float both[LANES];
        sum_lanes(sums, 2, both);
        found[map] = both[0], found[l->out_maps + map] = both[1];
    }
}
