"""Networks slid over larger images: fully connected layers become convolutions.

Source: Sermanet, Eigen, Zhang, Mathieu, Fergus, LeCun 2013, "OverFeat", arXiv 1312.6229, section 3.5;
Simonyan, Zisserman 2014, arXiv 1409.1556, section 3.2, which scores images so.
"""
