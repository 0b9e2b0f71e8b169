"""LeNet-5 on MNIST and its distortions, by the method that was published in 1998.

Source: as `lenet5_mnist_1998`; section III.B: 540,000 images made by planar distortions were added to the
60,000, and the session was as long as before, 20 passes of 60,000 patterns.
Departs: as `lenet5_mnist_1998`; second derivatives are those of undistorted patterns; how far the paper's
distortions went is not printed, ours are those of `planar`.
Cost: about 20 minutes on one core.
"""

import dataclasses

from heirloom.recipes.lenet5_mnist_1998 import RECIPE as UNDISTORTED
from heirloom.recipes.published import Published

RECIPE = dataclasses.replace(UNDISTORTED, augment="planar_pool")
PUBLISHED = Published(0.992, "LeCun et al. 1998, section III.B: 0.8 % error", verified=False)
