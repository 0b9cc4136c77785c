"""`refsbnn certify`: exact bias and variance of an estimator that anyone wrote, and the member it is.

`report.certify` asks, `report.assert_unbiased` is for tests; the guide is docs/certify.md.
"""
