"""What the acceptance runs train, and what they must reach."""

from typing import NamedTuple


class Row(NamedTuple):
    """A recipe, trained with the seeds 0 to ``seeds - 1``; what their mean accuracy must reach, or None.

    Of a network that gives its input back, what its mean error must not exceed.
    """

    recipe: str
    seeds: int
    bound: float | None = None


PLAN = (
    Row("lenet5_digits", 5, 0.97),
    Row("lenet5_mnist_1998", 3, 0.989),
    Row("lenet5_mnist_1998_distorted", 3, 0.9905),
    Row("lenet5_mnist", 5, 0.9935),
    Row("lenet5_softmax_mnist", 5),
    Row("lenet5_relu_max_mnist", 5, 0.99),
    Row("lenet_caffe_mnist", 3, 0.989),
    Row("lenet_caffe_mnist_deck003", 1, 0.99),
    Row("lenet1_mnist", 5),
    Row("lenet_1989_mnist", 5),
    Row("mlp_digits", 5),
    Row("mlp_mnist", 5),
    Row("mnist_best_61k", 3, 0.996),
    Row("rnn_digits", 5),
    Row("lstm_digits", 5),
    Row("gru_digits", 5),
    Row("rnn_mnist", 3),
    Row("lstm_mnist", 3),
    Row("gru_mnist", 3),
    Row("autoencoder_digits", 3, 0.0094),  # better than ten principal components
    Row("autoencoder_mnist", 3, 0.0176),  # than 30
    Row("autoencoder_conv_digits", 3, 0.0094),
    Row("autoencoder_conv_mnist", 3, 0.0176),
    Row("autoencoder_sparse_mnist", 3),
    Row("autoencoder_denoising_mnist", 3),
    Row("lenet5_relu_max_cifar10", 3),
    Row("alexnet_cifar_bn_cifar10_fast", 1),
    Row("resnet20_cifar10_fast", 1, 0.86),
)
