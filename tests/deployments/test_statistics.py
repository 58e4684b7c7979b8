"""Intervals, differences and sample ratios against recorded values of scipy; what holds of all; the verdicts."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments import statistics
from deployments.statistics import Difference, Finding, Reading, Sample, Verdict

#: Recorded with scipy 1.17.1 from mean and variance in fractions: count, sum, sum of squares; then both ends of
#: `scipy.stats.t.interval(0.95, count - 1, mean, standard_error)`.
INTERVALS = """
1002 498.28 492.4188 0.4666390801601 0.5279317781233
999 39962.0 1610067.0 39.79118381509 40.21282018892
999 999000000.0 999518100000000.0 998585.3992333 1001414.600767
2 2.3495e-09 2.770694e-18 2.489011204746e-10 2.100598879525e-09
101 1.0282e-07 1.247929e-16 9.294695387531e-10 1.106570065207e-09
31 30615000.0 30527030000000.0 951377.3261466 1023783.964176
12 2.1081 72.41465 -1.450360378415 1.801710378415
10 754.32 176091.3 -6.891540779941 157.7555407799
12 849090.0 108147000000000.0 -1920909.467876 2062424.467876
60 48966.0 40460430.0 792.3362262729 839.8637737271
12 5.9361 2.937644 0.4880284673582 0.5013215326418
1001 2.1024 0.004456712 0.002087734460054 0.002112864940546
100 81523.0 66485220.0 812.0627331938 818.3972668062
10 8771600.0 19234720000000.0 67101.92999985 1687218.07
640 -2332.7 11168.1 -3.803385128431 -3.486302371569
25 25.465 30.08479 0.8470326051417 1.190167394858
12000 9741800.0 7984665000.0 810.3915582951 813.2417750382
2 1.0407 0.618913 -1.979008515067 3.019708515067
12 0.020644 4.684592e-05 0.001075464865217 0.00236520180145
999 -3547.6 171880.5 -4.335503204328 -2.766799097974
25 14.836 215.1595 -0.6169364279865 1.803816427987
101 82066.0 134332700.0 650.1621081946 974.9071987361
100 9.6182e-08 1.676697e-16 7.889320446479e-10 1.134707955352e-09
250 124.81 62.33413 0.4980174412726 0.5004625587274
3 1.6735 1.05509 -0.0545857589449 1.170252425612
999 818470.0 1472513000.0 763.6347556293 874.9438229493
1000 925.32 1097.871 0.8947997042395 0.9558402957605
250 149790000.0 2881416000000000.0 182073.3326457 1016246.667354
5 -23.12 121.7682 -7.017331110692 -2.230668889308
1002 931.25 865.9058 0.9281362409944 0.9306461941353
31 3.0769e-08 3.075804e-17 9.612575161283e-10 1.023839258065e-09
1001 2.0339 0.005011949 0.001973706905712 0.002090029358024
999 787860.0 755612900.0 765.8759952054 811.4213020919
100 81045.0 65710500.0 807.1381800279 813.7618199721
250 -925.4 3427.202 -3.712016905372 -3.691183094628
4000000000 4.0 8.393776e-09 9.999675206704e-10 1.00003247933e-09
1001 -3727.5 17883.53 -3.847872334335 -3.599680113217
2 -8.894 54.14329 -38.76748215358 29.87348215358
101 -373.51 1381.938 -3.714079253804 -3.682158369959
100 3646.3 171530.4 32.54624352898 40.37975647102
10 349.14 26654.93 6.235160089722 63.59283991028
25 1.9408e-08 4.10756e-17 3.466127058444e-10 1.206027294156e-09
100 4650.9 382995.0 38.3671799204 54.6508200796
3 1110100.0 2903827000000.0 -2403455.524172 3143522.190839
7 2.1103e-08 1.285207e-16 -2.701101704671e-11 6.056439588475e-09
"""
#: Recorded likewise: the control, the variant, alpha; then difference of means and its ends by
#: `scipy.stats.t.isf(alpha / 2, degrees)`, whose degrees gave the p-value of `ttest_ind_from_stats(equal_var=False)`.
DIFFERENCES = """
2 2548300.0 3432997000000.0 2500 3499400000.0 5881492000000000.0 0.05 125610 -3722583.121897 3973803.121897
1001 501.5 253.856 250 123.19 61.48368 0.01666666666667 -0.008239000999001 -0.01759838997123 0.001120387973229
1002 481.76 437.0337 10 8.1337 20.5463 0.01666666666667 0.3325715968064 -0.821569286684 1.486712480297
60 23.85 106.3989 100 29.752 20.50122 0.05 -0.09998 -0.4375486364119 0.2375886364119
2500 2506400000.0 2530776000000000.0 1000 813650000.0 859403600000000.0 0.05 -188910 -216691.9135023 -161128.0864977
5 5.8272 10.47888 640 1641.3 41496.63 0.05 1.39909125 0.2099874593344 2.588195040666
1001 979.83 1665.387 12000 12943.0 14110.91 0.05 0.09973218448218 0.04756879762795 0.1518955713364
10 9.604 9.286034 60 63.543 67.32284 0.025 0.09865 0.02788457135567 0.1694154286443
5 5.0815e-09 5.165829e-18 12 1.2107e-08 1.222011e-17 0.0125 -7.383333333333e-12 -4.116561752642e-11 2.639895085976e-11
12000 25.277 0.06912108 2500 4.1319 0.01184851 0.05 -0.0004536566666667 -0.000512923837673 -0.0003943894956603
3 -20.122 434.9512 2 -10.763 57.93366 0.025 1.325833333333 -42.54045266584 45.1921193325
60 48769.0 39654510.0 999 1626700.0 2682442000.0 0.05 815.5116616617 803.4520833266 827.5712399968
12 -43.609 319.4326 2500 -7095.7 36513.59 0.05 0.7958033333333 -1.635953178769 3.227559845436
2 0.91475 0.4203207 3 1.4944 0.7445744 0.025 0.04075833333333 -0.6416932388907 0.7232099055574
2 1593.0 1269121.0 640 405610.0 536353900.0 0.025 -162.734375 -230.7113468252 -94.75740317475
5000000 5000000000000.0 5.001567e+18 7 7109800.0 7223188000000.0 0.0125 15685.71428571 -7783.069615381 39154.49818681
31 25200.0 20493260.0 5000000 4149300000.0 35788130000000.0 0.01 16.95677419355 8.399076170823 25.51447221627
5 118.54 7869.841 100 2199.7 488955.3 0.01666666666667 -1.711 -60.18471950138 56.76271950138
640 519110.0 424078200.0 5 1993.8 2800209.0 0.05 -412.349375 -1291.45185971 466.7531097101
60 54.87 50.54903 101 73.314 53.65991 0.0125 -0.1886188118812 -0.2195722560955 -0.1576653676669
100 1.0015e-07 1.015225e-16 4000000000 4.0861 5.326356e-09 0.0125 2.0025e-11 -8.244078005876e-12 4.829407800588e-11
12 32.591 195.557 3 16.459 90.32254 0.05 2.770416666667 0.7859617683327 4.754871565001
7 6536.3 10167320.0 10 7383.8 5493780.0 0.0125 -195.3771428571 -1289.318444448 898.5641587335
2500 2237.9 4538.434 3 2.3386 17.16549 0.0125 -0.1156266666667 -14.27788812293 14.0466347896
5 0.0077981 2.933323e-05 2 0.0037029 9.119304e-06 0.05 0.00029183 -0.00448959215849 0.00507325215849
12 12956000.0 16885130000000.0 2 949910.0 1494848000000.0 0.05 -604711.6666667 -8395291.316967 7185867.983633
1000 507.22 539.106 7 3.9294 2.206708 0.05 0.05412285714286 0.0198102441827 0.08843547010301
640 519730.0 422262500.0 3 1913.1 1220273.0 0.025 -174.378125 -216.5943669894 -132.1618830106
3 2.9929e-09 2.986738e-18 12 1.6448e-08 3.546412e-17 0.0125 3.730333333333e-10 -5.59708855826e-10 1.305775522493e-09
5000000 4648600.0 8124213.0 5 11.65 41.57587 0.025 1.40028 -1.568898819583 4.369458819583
31 44.037 332.4689 1001 1115.1 1526.999 0.05 -0.3065623731108 -1.407241129947 0.7941163837256
12 -1998600.0 79173240000000.0 1001 -157150000.0 208172300000000.0 0.025 9556.993006993 -1994595.752688 2013709.738702
31 24338.0 19249690.0 60 51780.0 44699960.0 0.025 77.90322580645 48.45168599563 107.3547656173
640 640000000.0 640243400000000.0 100 207640000.0 508811700000000.0 0.01 1076400 843762.1219469 1309037.878053
100000 -370000.0 1369553.0 31 -131.27 707.2882 0.05 -0.5345161290323 -1.35859461129 0.2895623532255
2500 101910.0 7088576.0 100000 4476500.0 246345700.0 0.05 4.001 2.650579132852 5.351420867148
1002 -3674.2 155836.2 10 -37.089 137.6165 0.05 -0.04203373253493 -0.782980295934 0.6989128308642
3 2.8266 2.663935 999 961.08 925.0031 0.01 0.01984204204204 -0.08726516453663 0.1269492486207
3 -11.248 42.39204 5000000 -20611000.0 726104300.0 0.025 -0.3728666666667 -1.55817745948 0.8124441261471
10 -31.282 128.312 5 -30.623 189.3436 0.01 -2.9964 -4.981878470185 -1.010921529815
100000 81214000.0 66450360000.0 12000 11067000.0 82302600000.0 0.01 110.11 52.4598875705 167.7601124295
"""
#: Recorded likewise: counts; weights; then `scipy.stats.chisquare(counts, expected).pvalue` of the arms with weight.
RATIOS = """
26 24 28 40 46 20,20,20,20,20 0.02274589044723
892 115 90,10 0.1330702119605
42 58 54 23 62 5 56 56 86 53 22 12 78 42 56 60 51 74 59 67 5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5 5.323523829159e-26
470 0 464 50,0,50 0.8443550144207
151357 298541 452038 600824 1502663 5,10,15,20,50 6.015658724337e-05
169 164 181 160 174 20,20,20,20,20 0.8068409094003
250 250 250 250 25,25,25,25 1
0 30000 70000 0,30,70 1
3013 3136 3169 3201 25,25,25,25 0.09037876478491
599 0 99,1 0.01390231983223
3151 3187 3052 3011 25,25,25,25 0.08662054915249
118 132 50,50 0.3759205825481
200 200 200 200 200 20,20,20,20,20 1
989409 990826 1018808 33,33,34 0.3446628315072
0 29798 70116 0,30,70 0.2238254685131
32914 33809 34622 33,33,34 0.001381995061189
1500444 0 1498148 50,0,50 0.1848703712786
260 191 253 179 25,25,25,25 3.033702095148e-05
225 203 224 287 25,25,25,25 0.0007692138902359
74 30 58 55 54 59 57 52 68 52 26 61 37 48 58 23 36 72 47 59 5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5 6.461085856662e-09
3120 3016 3110 3057 25,25,25,25 0.5138597993799
203 222 246 239 231 20,20,20,20,20 0.2992820330022
608 1256 1801 2439 6273 5,10,15,20,50 0.432051572393
500 500 50,50 1
0 69 133 0,30,70 0.1971494201284
50 100 150 200 500 5,10,15,20,50 1
0 300 700 0,30,70 1
990 10 99,1 1
116 83 50,50 0.01931950018641
732 94 121 84 70,10,10,10 0.05513332551649
766 102 75 105 70,10,10,10 0.01873840669821
70193 9870 10087 10020 70,10,10,10 0.4359288495073
6152 0 6214 50,0,50 0.5771576276873
10 21 26 53 112 5,10,15,20,50 0.4856831034071
2700090 300676 90,10 0.2487468172177
510 497 50,50 0.6820518771812
20043 40570 39724 20,40,40 0.0113703819974
6572 0 5950 50,0,50 2.721842647654e-08
0 55 169 0,30,70 0.07527319309701
280 226 243 230 25,25,25,25 0.05979092279363
898 8 99,1 0.7233871946652
157 260 417 20,40,40 6.628849797266e-09
0 322 638 0,30,70 0.0166383367768
652 93 105 119 70,10,10,10 0.07534929595579
103 0 93 50,0,50 0.475050524054
66 66 68 33,33,34 1
"""


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def near(*values: str) -> object:
    return pytest.approx([float(value) for value in values], rel=1e-9, abs=0)


def sample(count: str, total: str, squares: str) -> Sample:
    return Sample(int(count), float(total), float(squares))


def of(*values: float) -> Sample:
    return Sample(len(values), math.fsum(values), math.fsum(value * value for value in values))


# ----------------------------------------------------------------------------- recorded values
def test_the_interval_of_a_mean_is_scipys() -> None:
    assert len(rows(INTERVALS)) >= 40
    for *summed, low, high in rows(INTERVALS):
        assert sample(*summed).interval == near(low, high)


def test_the_difference_of_two_means_is_scipys() -> None:
    assert len(rows(DIFFERENCES)) >= 40
    for row in rows(DIFFERENCES):
        control, variant, (alpha, value, low, high) = sample(*row[:3]), sample(*row[3:6]), row[6:]
        found = statistics.difference(control, variant, alpha=float(Fraction(alpha).limit_denominator(1000)))
        assert found.interval is not None
        assert [found.value, *found.interval] == near(value, low, high)


def test_the_sample_ratio_is_scipys() -> None:
    assert len(rows(RATIOS)) >= 40
    for *counts, weights, likely in rows(RATIOS):
        found = statistics.sample_ratio([int(count) for count in counts], [int(each) for each in weights.split(",")])
        assert [found] == near(likely)


#: By the tables in the books, which give four or five digits.
@pytest.mark.parametrize(
    ("alpha", "degrees", "quantile"),
    [
        (0.05, 1, 12.706),
        (0.05, 2, 4.3027),
        (0.01, 10, 3.1693),
        (0.05, 30, 2.0423),
        (0.05, 120, 1.9799),
        (0.05, 1e9, 1.96),
    ],
)
def test_students_quantile_is_that_of_the_tables(alpha: float, degrees: float, quantile: float) -> None:
    assert statistics.student_quantile(alpha, degrees) == pytest.approx(quantile, rel=2e-5)


@given(st.floats(1e-5, 0.9), st.floats(1, 999))
@settings(deadline=None, max_examples=100)
def test_the_quantile_is_where_the_tail_is_alpha(alpha: float, degrees: float) -> None:
    assert statistics.student_tail(statistics.student_quantile(alpha, degrees), degrees) == pytest.approx(
        alpha, rel=1e-11
    )


def test_the_two_ways_to_a_quantile_meet() -> None:
    for alpha in (0.5, 0.05, 0.01, 0.0005, 1e-5):
        below = statistics.student_quantile(alpha, math.nextafter(statistics.MANY, 0))
        assert below == pytest.approx(statistics.student_quantile(alpha, statistics.MANY), rel=1e-12)


# ----------------------------------------------------------------------------- at the edges
def test_of_no_item_there_is_no_mean_and_of_one_no_interval() -> None:
    nothing, one, two = of(), of(3.5), of(1, 2)
    assert (nothing.mean, nothing.variance, nothing.interval) == (None, None, None)
    assert (one.mean, one.variance, one.interval) == (3.5, None, None)
    assert statistics.difference(nothing, two) == Difference(None, None)
    assert statistics.difference(two, one) == Difference(2.0, None)


def test_where_no_item_differs_from_another_the_interval_is_the_mean() -> None:
    tenths, fifths = of(*[0.1] * 1000), of(*[0.2] * 10)
    assert (tenths.variance, tenths.interval) == (0, (tenths.mean, tenths.mean))
    assert statistics.difference(tenths, fifths).interval == pytest.approx((0.1, 0.1))
    assert statistics.difference(tenths, tenths) == Difference(0, (0, 0))


def test_where_only_one_arm_varies_the_degrees_are_that_arms() -> None:
    still, varying = of(2, 2, 2, 2), of(1, 2, 3)
    found = statistics.difference(still, varying).interval
    assert found == pytest.approx(
        (-statistics.student_quantile(0.05, 2) / math.sqrt(3), 4.302653 / math.sqrt(3)), rel=1e-6
    )


def test_a_spread_that_only_rounding_made_is_none() -> None:
    """Running sums, as the database adds them, of a thousand equal values."""
    total = squares = 0.0
    for _ in range(1000):
        total, squares = total + 812.3, squares + 812.3 * 812.3
    assert squares - total * total / 1000 != 0
    assert Sample(1000, total, squares).variance == 0


def test_a_small_spread_beside_a_large_mean_is_not_lost() -> None:
    assert of(1_000_000.0, 1_000_001.0, 1_000_002.0).variance == pytest.approx(1)


def test_figures_too_large_for_a_float_have_no_interval() -> None:
    huge = Sample(2, 1.7e308, math.inf)
    assert (huge.mean, huge.variance, huge.interval) == (8.5e307, None, None)
    assert Sample(2, 1.0, math.inf).variance is None
    opposite = Sample(2, -1.7e308, math.inf)
    assert statistics.difference(Sample(1, 1.7e308, math.inf), Sample(1, -1.7e308, math.inf)) == Difference(None, None)
    assert statistics.difference(huge, opposite).interval is None


@pytest.mark.parametrize(
    ("counts", "weights", "likely"),
    [
        pytest.param([], [], None, id="no arm"),
        pytest.param([500], [100], None, id="one arm"),
        pytest.param([0, 0], [50, 50], None, id="nobody yet"),
        pytest.param([2, 1], [99, 1], None, id="too few to say"),
        pytest.param([396, 0], [99, 1], None, id="4 expected"),
        pytest.param([500, 0], [99, 1], pytest.approx(0.0246, abs=1e-4), id="5 expected"),
        pytest.param([500, 500, 0], [50, 50, 0], 1.0, id="nobody where no weight is"),
        pytest.param([500, 500, 1], [50, 50, 0], 0.0, id="somebody where no weight is"),
        pytest.param([1, 0], [0, 100], 0.0, id="the only one where no weight is"),
        pytest.param([10**12, 0], [50, 50], 0.0, id="beyond a float"),
    ],
)
def test_the_edges_of_the_sample_ratio(counts: list[int], weights: list[int], likely: float | None) -> None:
    assert statistics.sample_ratio(counts, weights) == likely


# ----------------------------------------------------------------------------- what holds of all
any_count = st.one_of(st.integers(0, 3), st.integers(0, 2**63 - 1))
any_float = st.floats(allow_nan=False)
any_sample = st.builds(Sample, any_count, any_float, any_float)
values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20)


@given(any_sample, any_sample, st.sampled_from([0.05, 0.01, 0.0005]))
@settings(deadline=None, max_examples=300)
def test_no_sums_raise_or_give_what_is_no_number(one: Sample, two: Sample, alpha: float) -> None:
    found = statistics.difference(one, two, alpha=alpha)
    for interval in (one.interval, found.interval):
        assert interval is None or all(map(math.isfinite, interval))
    for value in (one.mean, one.variance, found.value):
        assert value is None or math.isfinite(value)
    assert one.variance is None or one.variance >= 0


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 100)), max_size=6))
@settings(deadline=None, max_examples=150)
def test_a_sample_ratio_is_a_probability_and_the_order_of_arms_nothing(arms: list[tuple[int, int]]) -> None:
    found = statistics.sample_ratio(*unzipped(arms))
    assert found is None or 0 <= found <= 1
    assert [statistics.sample_ratio(*unzipped(arms[::-1]))] == [found and pytest.approx(found, rel=1e-6, abs=1e-300)]


def unzipped(arms: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [count for count, _ in arms], [weight for _, weight in arms]


@given(values)
@settings(deadline=None, max_examples=100)
def test_a_sample_has_the_mean_of_its_values_in_the_middle_of_its_interval(items: list[float]) -> None:
    found = of(*items)
    assert found.interval is not None
    low, high = found.interval
    assert low <= high
    exact = float(sum(map(Fraction, items)) / len(items))
    assert (low + high) / 2 == pytest.approx(exact, rel=1e-9, abs=1e-9 * (1 + high - low))


@given(values, values)
@settings(deadline=None, max_examples=100)
def test_the_other_way_round_a_difference_is_its_opposite(one: list[float], two: list[float]) -> None:
    there, back = statistics.difference(of(*one), of(*two)), statistics.difference(of(*two), of(*one))
    assert there.interval is not None
    assert back.interval is not None
    assert [there.value, *there.interval] == pytest.approx([-(back.value or 0), -back.interval[1], -back.interval[0]])


@given(values, values, st.integers(-20, 20))
@settings(deadline=None, max_examples=100)
def test_in_another_unit_it_is_the_same_difference(one: list[float], two: list[float], power: int) -> None:
    def finer(items: list[float]) -> Sample:
        return of(*[item * 2.0**power for item in items])

    plain = statistics.difference(of(*one), of(*two)).interval
    fine = statistics.difference(finer(one), finer(two)).interval
    assert plain is not None
    assert fine == pytest.approx([end * 2.0**power for end in plain], rel=1e-9, abs=1e-280)


@given(st.floats(1, 1e7), st.floats(1.01, 10))
@settings(deadline=None, max_examples=100)
def test_more_degrees_of_freedom_make_a_narrower_interval(degrees: float, more: float) -> None:
    fewer, greater = statistics.student_quantile(0.05, degrees), statistics.student_quantile(0.05, degrees * more)
    assert 1.959963984540054 <= greater < fewer


def test_several_variants_share_the_one_in_twenty() -> None:
    control, variant = of(1, 2, 3, 4), of(2, 3, 4, 6)
    alone = statistics.differences(control, [variant])
    both = statistics.differences(control, [variant, control])
    assert alone == [statistics.difference(control, variant, alpha=0.05)]
    assert both[0] == statistics.difference(control, variant, alpha=0.025)
    assert statistics.differences(control, []) == []


# ----------------------------------------------------------------------------- verdicts
def seen(name: str, mean: float, *, items: int = 1000, exposures: int = 1000, spread: float = 1.0) -> Reading:
    """An arm whose items lie a spread above and below the mean, half of them each."""
    return Reading(name, exposures, Sample(items, items * mean, items * (mean * mean + spread * spread)))


CONTROL = seen("version 1", 10)
FINDINGS: dict[str, tuple[list[Reading], str, float | None, Finding]] = {
    "less cost": (
        [seen("version 2", 9)], "cost", 0.5,
        Finding(Verdict.BETTER, "version 2 (-1, at 95 % -1.088 to -0.9123) is better than version 1."),
    ),
    "more latency": (
        [seen("version 2", 11)], "latency", 0.5,
        Finding(Verdict.WORSE, "version 2 (+1, at 95 % +0.9123 to +1.088) is worse than version 1."),
    ),
    "more quality": (
        [seen("version 2", 11)], "quality", None,
        Finding(Verdict.BETTER, "version 2 (+1, at 95 % +0.9123 to +1.088) is better than version 1."),
    ),
    "less quality": (
        [seen("version 2", 9)], "quality", 0.5,
        Finding(Verdict.WORSE, "version 2 (-1, at 95 % -1.088 to -0.9123) is worse than version 1."),
    ),
    "nearly nothing": (
        [seen("version 2", 10.05)], "quality", 0.5,
        Finding(
            Verdict.NO_DIFFERENCE,
            "No difference from version 1 that chance would not make: version 2 (+0.05, at 95 % -0.03775 to +0.1377).",
        ),
    ),
    "one of two is better": (
        [seen("version 2", 10), seen("version 3", 9)], "latency", 0.5,
        Finding(Verdict.BETTER, "version 3 (-1, at 95 % -1.1 to -0.8996) is better than version 1."),
    ),
    "both are worse": (
        [seen("version 2", 11), seen("version 3", 12)], "latency", 0.5,
        Finding(
            Verdict.WORSE,
            "version 2 (+1, at 95 % +0.8996 to +1.1), version 3 (+2, at 95 % +1.9 to +2.1) are worse than version 1.",
        ),
    ),
    "one is better, one is worse": (
        [seen("version 2", 11), seen("version 3", 9)], "quality", 0.5,
        Finding(
            Verdict.MIXED,
            "version 2 (+1, at 95 % +0.8996 to +1.1) is better than version 1; "
            "version 3 (-1, at 95 % -1.1 to -0.8996) is worse than version 1.",
        ),
    ),
    "a difference alone, none beside another variant": (
        [seen("version 2", 10.095), seen("version 3", 10)], "quality", 0.5,
        Finding(
            Verdict.NO_DIFFERENCE,
            "No difference from version 1 that chance would not make: "
            "version 2 (+0.095, at 95 % -0.005364 to +0.1954), version 3 (+0, at 95 % -0.1004 to +0.1004).",
        ),
    ),
    "figures too large for a float": (
        [Reading("version 2", 1000, Sample(1000, 1.0, math.inf))], "quality", 0.5,
        Finding(
            Verdict.NO_DIFFERENCE,
            "No difference from version 1 that chance would not make: version 2 (too large to tell).",
        ),
    ),
    "a split that is not the weights'": (
        [seen("version 2", 9, exposures=99)], "cost", 0.00099,
        Finding(
            Verdict.MISMATCH,
            "The sessions are not split as the weights say (chance would do that once in 1,000 times): "
            "do not trust these figures.",
        ),
    ),
    "sessions where no weight is": (
        [seen("version 2", 9)], "cost", 0.0,
        Finding(
            Verdict.MISMATCH,
            "The sessions are not split as the weights say (chance does not do that): do not trust these figures.",
        ),
    ),
    "a split that chance makes": (
        [seen("version 2", 9)], "cost", 0.001,
        Finding(Verdict.BETTER, "version 2 (-1, at 95 % -1.088 to -0.9123) is better than version 1."),
    ),
    "too few exposures": (
        [seen("version 2", 9, exposures=99), seen("version 3", 9, exposures=100)], "cost", 0.5,
        Finding(Verdict.WAITING, "Each needs 100 exposures and 2 items: version 2 has 99 and 1000."),
    ),
    "too few items": (
        [seen("version 2", 9, items=1)], "cost", 0.5,
        Finding(Verdict.WAITING, "Each needs 100 exposures and 2 items: version 2 has 1000 and 1."),
    ),
    "the control alone": (
        [], "cost", None, Finding(Verdict.WAITING, "Nothing to compare: version 1 is served alone."),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("variants", "metric_type", "ratio", "finding"), FINDINGS.values(), ids=FINDINGS)
def test_a_verdict_and_its_sentence(
    variants: list[Reading], metric_type: str, ratio: float | None, finding: Finding
) -> None:
    assert statistics.verdict(CONTROL, variants, metric_type=metric_type, ratio=ratio) == finding


@pytest.mark.parametrize(
    ("items", "mean", "expected"),
    [
        pytest.param(99, 0, Verdict.WAITING, id="99 of each"),
        pytest.param(100, 0, Verdict.WORSE, id="100 of each"),
        pytest.param(100, 1, Verdict.NO_DIFFERENCE, id="the same in both"),
    ],
)
def test_items_that_do_not_vary_need_a_hundred_of_each(items: int, mean: float, expected: Verdict) -> None:
    arms = [seen("version 1", 1, items=100, spread=0), seen("version 2", mean, items=items, spread=0)]
    found = statistics.verdict(arms[0], arms[1:], metric_type="quality", ratio=0.5)
    assert found.verdict == expected
    if expected == Verdict.WAITING:
        assert found.message.startswith("The items of version 1 and version 2 do not vary: each needs 100 ")


def test_few_items_that_do_not_vary_beside_many_that_do_are_compared() -> None:
    still = seen("version 2", 12, items=10, spread=0)
    found = statistics.verdict(CONTROL, [still], metric_type="quality", ratio=0.5)
    assert found.verdict == Verdict.BETTER
