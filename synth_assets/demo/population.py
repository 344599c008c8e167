"""What the invented population is made of: words, and how they hang together.

Every number here is made up to be believable; none is taken from people. Weights are on the scale of logarithms: a
difference of 0.7 about doubles the odds.
"""

from __future__ import annotations

ETHNICITIES = ("White", "Black", "Asian", "Hispanic", "Other")
ETHNICITY_SHARES = (0.60, 0.13, 0.07, 0.17, 0.03)

SEXES = ("Female", "Male", "Other")
SEX_SHARES = (0.505, 0.485, 0.01)

OCCUPATIONS: dict[str, tuple[float, float, float]] = {
    # name: (weight, weight per standard deviation of a postcode's wealth, logarithm of the yearly income at forty)
    "Accountant": (-0.5, 0.5, 11.1),
    "Administrator": (0.4, 0.0, 10.6),
    "Builder": (0.1, -0.4, 10.6),
    "Chef": (-0.6, -0.3, 10.3),
    "Cleaner": (-0.3, -0.8, 10.0),
    "Driver": (0.2, -0.5, 10.4),
    "Engineer": (0.1, 0.6, 11.3),
    "Lawyer": (-1.0, 0.9, 11.7),
    "Manager": (0.2, 0.7, 11.4),
    "Nurse": (0.1, 0.0, 10.9),
    "Sales": (0.5, 0.1, 10.6),
    "Teacher": (0.2, 0.2, 10.8),
}
STUDENT, RETIRED, UNEMPLOYED = "Student", "Retired", "Unemployed"

DIAGNOSES: dict[str, tuple[float, float, float, str]] = {
    # name: (weight at forty, weight per decade of age, weight if male, department that treats it)
    "Healthy": (2.0, -0.30, 0.0, "General Practice"),
    "Arthritis": (-0.6, 0.45, -0.3, "Orthopaedics"),
    "Asthma": (0.0, -0.25, 0.0, "Respiratory"),
    "Breast cancer": (-2.2, 0.25, -9.0, "Oncology"),
    "Coronary heart disease": (-2.0, 0.60, 0.6, "Cardiology"),
    "Depression": (0.2, -0.05, -0.4, "Psychiatry"),
    "Hypertension": (0.3, 0.40, 0.2, "Cardiology"),
    "Influenza": (0.4, -0.10, 0.0, "General Practice"),
    "Injury": (0.2, -0.20, 0.5, "Emergency"),
    "Prostate cancer": (-9.0, 0.45, 6.4, "Oncology"),
    "Type 2 diabetes": (-0.4, 0.35, 0.2, "General Practice"),
}

ALCOHOL: dict[str, tuple[float, float]] = {
    # how often: (weight at forty, weight per decade of age)
    "Never": (0.3, 0.10),
    "Monthly": (0.6, -0.10),
    "Weekly": (0.7, 0.00),
    "Daily": (-0.9, 0.20),
}

TRIAL_DIAGNOSES = ("Coronary heart disease", "Hypertension", "Type 2 diabetes")
ARMS = ("Drug", "Placebo")
RESPONSES: dict[str, tuple[float, float, float]] = {
    # name: (weight at fifty with a placebo, weight if the drug is taken, weight per decade of age)
    "Improved": (0.0, 1.0, -0.15),
    "Unchanged": (0.6, 0.0, 0.0),
    "Worse": (-0.5, -0.4, 0.10),
}
EVENTS: dict[str, tuple[float, float, float]] = {
    # likewise
    "No event": (1.6, 0.0, 0.0),
    "Mild": (0.2, 0.5, 0.05),
    "Severe": (-1.0, 0.3, 0.20),
}

DEPARTMENTS: dict[str, tuple[float, float, float]] = {
    # name: (weight of a visit that the diagnosis does not explain, logarithm of its cost, weight of being admitted)
    "Cardiology": (-0.5, 5.9, 0.3),
    "Emergency": (0.8, 6.4, 0.8),
    "General Practice": (1.6, 4.4, -2.0),
    "Oncology": (-1.5, 7.2, 0.9),
    "Orthopaedics": (0.0, 5.7, -0.3),
    "Psychiatry": (-0.7, 5.2, -0.8),
    "Respiratory": (-0.3, 5.3, -0.2),
}

OUTCOMES = ("Discharged", "Follow-up", "Referred", "Admitted")
OUTCOME_WEIGHTS = (1.2, 0.8, 0.0, -1.2)

CITIES: dict[str, tuple[str, ...]] = {
    # invented cities and postcodes; some begin with a zero, as real ones do
    "Port Ashby": ("01041", "01042", "01043", "01045", "01047"),
    "Lakemoor": ("01211", "01213", "01214", "01216"),
    "New Harrow": ("04310", "04312", "04315", "04318"),
    "Fairwick": ("07703", "07704", "07708"),
    "Eastmere": ("24011", "24012", "24015", "24018", "24019"),
    "Stonebridge": ("24210", "24212", "24217"),
    "Winterfold": ("38801", "38804", "38809"),
    "Millbrook Vale": ("55120", "55123", "55124"),
    "South Calder": ("61610", "61612", "61616", "61617"),
    "Redhaven": ("83340", "83343"),
}

STREETS = ("Street", "Avenue", "Road", "Lane", "Drive", "Court", "Way", "Place")
MAIL_DOMAINS = ("example.org", "example.com", "example.net")

NOTES = (
    "Reports feeling better since the last visit.",
    "Follow-up in six weeks.",
    "Asked for a repeat prescription.\nNo side effects so far.",
    "Blood pressure taken twice, second reading normal.",
    "Prefers appointments in the morning.",
    "{first} asked about the test results.",
    "Spoke to {first} {last} about treatment options, leaflet given.",
    "{first} {last} called; ring back on {phone}.",
    "Letter sent to {email}, no answer yet.",
    "Next of kin of {last}, {first}: not reachable on {phone}.",
)
"""Half of them name no one; the others hold what a column of free text should not hold."""
