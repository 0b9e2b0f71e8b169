/* Layers in which every unit reads every input: products of matrices. */

/* `count` sums of products a[i][step] x[step], where the steps are cut into `parts` of `steps`. */
typedef struct {
    int parts, steps;
    const float *a;
    long a_part, a_row, a_step;
    const vec *x;
    long x_part, x_step;
} products;

ALWAYS_INLINE void sums_of(const int count, const products *p, const float *bias, vec *out)
{
    vec sums[SUMS];
    UNROLL for (int i = 0; i < count; i++) sums[i] = (vec){0} + (bias ? bias[i] : 0);
    for (int part = 0; part < p->parts; part++) {
        const float *a = p->a + part * p->a_part;
        const vec *x = p->x + part * p->x_part;
        for (int step = 0; step < p->steps; step++, a += p->a_step, x += p->x_step) {
            const vec here = *x;
            UNROLL for (int i = 0; i < count; i++) sums[i] += here * a[i * p->a_row];
        }
    }
    UNROLL for (int i = 0; i < count; i++) out[i] = sums[i];
}

static void sum_products(int count, const products *p, const float *bias, vec *out)
{
#define CASE(n) \
    case n: \
        sums_of(n, p, bias, out); \
        break;
    switch (count) { UP_TO_SUMS }
#undef CASE
}

static void product(const layer *l, const vec *in, vec *out)
{
    const int reads = in_places(l), units = out_places(l);
    for (int group = 0; group < groups_of(units); group++) {
        const int first = begin_of(group, units), count = begin_of(group + 1, units) - first;
        const float *weight = l->weight + (long)first * reads;
        const products p = {1, reads, weight, 0, reads, 1, in, 0, 1};
        sum_products(count, &p, l->bias ? l->bias + first : NULL, out + first);
    }
}

static long turned_size(const layer *l) { return LANES * in_vectors(in_places(l)); }

/* What `product_weights` reads is kept for it. */
static void product_back(const layer *l, const vec *in, const vec *grad, vec *in_grad, int block)
{
    const int reads = in_places(l), units = out_places(l);
    memcpy(l->grads + (long)block * units, grad, sizeof(vec) * (size_t)units);
    scatter(in, LANES, reads, (float *)(l->turned + block * turned_size(l)), LANES * in_vectors(reads));
    for (int group = 0; in_grad && group < groups_of(reads); group++) {
        const int first = begin_of(group, reads), count = begin_of(group + 1, reads) - first;
        const products p = {1, units, l->weight + first, 0, 1, reads, grad, 0, 1};
        sum_products(count, &p, NULL, in_grad + first);
    }
}

/* Gradients by the weights of a group of units: here a lane is an input, and every image is a step. */
static void product_weights(const layer *l, int group, int blocks)
{
    const int reads = in_places(l), units = out_places(l);
    const int first = begin_of(group, units), count = begin_of(group + 1, units) - first;
    const long across = in_vectors(reads);
    for (int i = 0; i < across; i++) {
        const float *grads = (const float *)(l->grads + first);
        const products p = {blocks, LANES, grads, (long)units * LANES, LANES, 1, l->turned + i, turned_size(l), across};
        vec sums[SUMS];
        sum_products(count, &p, NULL, sums);
        for (int k = 0; k < count; k++)
            memcpy(l->weight_grad + (long)(first + k) * reads + i * LANES, sums + k,
                   sizeof(float) * (size_t)least(LANES, reads - i * LANES));
    }
    vec sums[SUMS + LANES] = {0};
    float found[SUMS + LANES];
    for (int block = 0; block < blocks; block++)
        for (int k = 0; k < count; k++)
            sums[k] += l->grads[(long)block * units + first + k];
    sum_lanes(sums, count, found);
    memcpy(l->weight_grad + (long)units * reads + first, found, sizeof(float) * (size_t)count);
}
