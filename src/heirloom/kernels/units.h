/* Layers of units that stand alone: rectifiers, squashing functions, distances from codes. */

/* In place: `x` becomes the result, and on the way back `grad` the gradient by the input. */
static void rectify(float *x, long count)
{
    for (long i = 0; i < count; i++)
        x[i] = x[i] <= 0 ? 0 : x[i]; /* what is no number stays it */
}

static void rectify_back(const float *y, float *grad, long count)
{
    for (long i = 0; i < count; i++)
        grad[i] = y[i] <= 0 ? 0 : grad[i];
}

/* amplitude tanh(slope x), where tanh(z) = 1 - 2 / (1 + exp 2z), where exp 2z = 2^whole 2^part with
   |part| <= 1/2. */
static void squash(const layer *l, float *x, long count)
{
    const float to_power_of_two = 2 * l->slope * 1.44269504f, amplitude = l->amplitude;
    const float most = 100; /* far beyond it 2^whole is no float */
    for (long i = 0; i < count; i++) {
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
        x[i] = amplitude - 2 * amplitude / (1 + e * scale.number);
    }
}

static void squash_back(const layer *l, const float *y, float *grad, long count)
{
    const float steepest = l->slope * l->amplitude, fall = l->slope / l->amplitude;
    for (long i = 0; i < count; i++)
        grad[i] *= steepest - fall * y[i] * y[i];
}

/* Squared distances from codes, negated. */
static void distances(const layer *l, const vec *in, vec *out)
{
    const int reads = in_places(l);
    for (int unit = 0; unit < out_places(l); unit++) {
        vec sum = {0};
        for (int i = 0; i < reads; i++) {
            const vec difference = in[i] - l->weight[unit * reads + i];
            sum -= difference * difference;
        }
        out[unit] = sum;
    }
}

static void distances_back(const layer *l, const vec *in, const vec *grad, vec *in_grad)
{
    const int reads = in_places(l);
    for (int i = 0; i < reads; i++) {
        vec sum = {0};
        for (int unit = 0; unit < out_places(l); unit++)
            sum -= 2 * grad[unit] * (in[i] - l->weight[unit * reads + i]);
        in_grad[i] = sum;
    }
}
