/* Chains of small layers for processors: all layers of a network are computed for LANES images, then for the
   next LANES, so that what passes between two layers stays in the second-level cache.

   Libraries spread the maps of an image over the lanes of a vector; with 1, 6 or 16 maps most lanes are idle.
   Here a lane is an image: every vector holds one place of LANES images, a block, whatever the size of the
   layer. No number is taken to be finite. */

#include "threads.h"
#include "layer.h"
#include "convolution.h"
#include "product.h"
#include "units.h"
#include "windows.h"
#include "levels.h"
#include "pixels.h"
#include "resizing.h"

enum { CONVOLUTION, PRODUCT, RECTIFIER, SQUASHING, DISTANCES, LARGEST_OF_WINDOW, SUM_OF_WINDOW };

const int lanes = LANES, widest = WIDEST;

/* Mirrored by `Chain` in native.py. Batches are [images][places]. */
typedef struct {
    int images, count; /* of layers */
    layer *layers;     /* without those that only reshape; each one reads what the one before gives */
    const float *x;
    float *out;
    const float *grad; /* on the way back, by the output, */
    float *x_grad;     /* and by the input, or NULL */
    vec *kept;         /* `kept_size` numbers, which the way back reads */
    vec *work;         /* `work_size` numbers */
} chain;

static int blocks_of(const chain *c) { return (int)in_vectors(c->images); }

static int in_place(const layer *l) { return l->kind == RECTIFIER || l->kind == SQUASHING; }

static vec *cut(vec **memory, long size)
{
    vec *found = *memory;
    *memory = (vec *)((uintptr_t)found + sizeof(vec) * (size_t)size);
    return found;
}

/* Parts of the memory that is kept: the input of the first layer and the outputs of all. A layer works in place
   unless the one before does, whose way back reads its own output. Returns their size. */
static long lay_out(const chain *c)
{
    vec *end = c->kept;
    vec *out = cut(&end, (long)blocks_of(c) * in_places(c->layers));
    for (int i = 0; i < c->count; i++) {
        layer *l = c->layers + i;
        l->out = in_place(l) && !(i && in_place(l - 1)) ? out : cut(&end, (long)blocks_of(c) * out_places(l));
        out = l->out;
        if (l->kind == CONVOLUTION)
            l->packed = cut(&end, in_vectors(weights_of(l)));
    }
    return ((char *)end - (char *)c->kept) / (long)sizeof(float);
}

/* Parts of the memory of the way back, likewise: what single layers need, and for each thread two gradients
   of a block. Their size is left in `largest`. */
static long lay_out_work(const chain *c, int threads, vec **of_threads, long *largest)
{
    vec *end = c->work;
    *largest = in_places(c->layers);
    for (int i = 0; i < c->count; i++) {
        layer *l = c->layers + i;
        const long blocks = blocks_of(c);
        *largest = out_places(l) > *largest ? out_places(l) : *largest;
        if (l->kind == CONVOLUTION) {
            l->sums = cut(&end, blocks * in_vectors(weights_of(l) + l->out_maps));
        } else if (l->kind == SUM_OF_WINDOW) {
            l->sums = cut(&end, blocks * in_vectors(2 * l->out_maps));
        } else if (l->kind == PRODUCT) {
            l->grads = cut(&end, blocks * out_places(l));
            l->turned = cut(&end, blocks * turned_size(l));
        }
    }
    *of_threads = cut(&end, threads * 2 * *largest);
    return ((char *)end - (char *)c->work) / (long)sizeof(float);
}

long kept_size(const chain *c, int threads)
{
    (void)threads;
    return lay_out(c);
}

long work_size(const chain *c, int threads)
{
    vec *of_threads;
    long largest;
    return lay_out_work(c, threads, &of_threads, &largest);
}

static const vec *input_of(const chain *c, int i, int block)
{
    const vec *first = i ? c->layers[i - 1].out : c->kept;
    return first + (long)block * in_places(c->layers + i);
}

static void forward_block(const void *given, int block, int thread)
{
    const chain *c = given;
    const layer *last = c->layers + c->count - 1;
    const int first = block * LANES, images = least(LANES, c->images - first);
    const long reads = in_places(c->layers), gives = out_places(last);
    (void)thread;
    gather(c->x + first * reads, images, reads, c->kept + block * reads);
    for (int i = 0; i < c->count; i++) {
        const layer *l = c->layers + i;
        const vec *in = input_of(c, i, block);
        vec *out = l->out + (long)block * out_places(l);
        const long count = (long)LANES * out_places(l);
        if (in_place(l) && in != out)
            memcpy(out, in, sizeof(float) * (size_t)count);
        switch (l->kind) {
        case CONVOLUTION: convolve(l, in, out); break;
        case PRODUCT: product(l, in, out); break;
        case RECTIFIER: rectify((float *)out, count); break;
        case SQUASHING: squash(l, (float *)out, count); break;
        case DISTANCES: distances(l, in, out); break;
        case LARGEST_OF_WINDOW: largest(l, in, out); break;
        case SUM_OF_WINDOW: sums_of_windows(l, in, out); break;
        }
    }
    scatter(last->out + block * gives, images, gives, c->out + first * gives, gives);
}

typedef struct {
    const chain *chain;
    vec *of_threads;
    long largest;
} way_back;

static void back_block(const void *given, int block, int thread)
{
    const way_back *w = given;
    const chain *c = w->chain;
    const int first = block * LANES, images = least(LANES, c->images - first);
    const long reads = in_places(c->layers), gives = out_places(c->layers + c->count - 1);
    vec *grad = w->of_threads + thread * 2 * w->largest, *next = grad + w->largest;
    gather(c->grad + first * gives, images, gives, grad);
    for (int i = c->count - 1; i >= 0; i--) {
        const layer *l = c->layers + i;
        const vec *in = input_of(c, i, block), *out = l->out + (long)block * out_places(l);
        const long count = (long)LANES * out_places(l);
        vec *in_grad = i || c->x_grad ? next : NULL;
        switch (l->kind) {
        case CONVOLUTION: convolve_back(l, in, grad, in_grad, block); break;
        case PRODUCT: product_back(l, in, grad, in_grad, block); break;
        case RECTIFIER: rectify_back((const float *)out, (float *)grad, count); break;
        case SQUASHING: squash_back(l, (const float *)out, (float *)grad, count); break;
        case DISTANCES: distances_back(l, in, grad, next); break;
        case LARGEST_OF_WINDOW: largest_back(l, in, grad, next); break;
        case SUM_OF_WINDOW: sums_of_windows_back(l, in, grad, in_grad, block); break;
        }
        if (!in_place(l))
            next = grad, grad = in_grad;
    }
    if (c->x_grad)
        scatter(grad, images, reads, c->x_grad + first * reads, reads);
}

/* Of a layer's gradients by its parameters: groups of units of a product, else the sums over the blocks. */
static int pieces_of(const layer *l)
{
    return l->kind == PRODUCT ? groups_of(out_places(l)) : l->weight_grad != NULL;
}

static void weights_piece(const void *given, int piece, int thread)
{
    const chain *c = given;
    const layer *l = c->layers;
    (void)thread;
    for (; piece >= pieces_of(l); l++)
        piece -= pieces_of(l);
    if (l->kind == PRODUCT) {
        product_weights(l, piece, blocks_of(c));
        return;
    }
    const long count = l->kind == CONVOLUTION ? weights_of(l) + l->out_maps : 2 * l->out_maps;
    const float *sums = (const float *)l->sums;
    memcpy(l->weight_grad, sums, sizeof(float) * (size_t)count);
    for (int block = 1; block < blocks_of(c); block++) {
        sums += LANES * in_vectors(count);
        for (long i = 0; i < count; i++)
            l->weight_grad[i] += sums[i];
    }
}

void forward(const chain *c, int threads)
{
    lay_out(c);
    for (int i = 0; i < c->count; i++)
        if (c->layers[i].kind == CONVOLUTION)
            pack(c->layers + i, 0);
    share(forward_block, c, blocks_of(c), threads);
}

void backward(const chain *c, int threads)
{
    way_back w = {.chain = c};
    int pieces = 0;
    lay_out(c);
    lay_out_work(c, threads, &w.of_threads, &w.largest);
    for (int i = 0; i < c->count; i++) {
        pieces += pieces_of(c->layers + i);
        if (c->layers[i].kind == CONVOLUTION && (i || c->x_grad))
            pack(c->layers + i, 1);
    }
    share(back_block, &w, blocks_of(c), threads);
    share(weights_piece, c, pieces, threads);
}
