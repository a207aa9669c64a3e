"""Rights of this app."""

from django.utils.translation import gettext_lazy as _

RIGHTS = {
    "commissions.view_plan": _("See plans, their versions and rates"),
    "commissions.edit_plan": _("Make plans and publish versions"),
    "commissions.assign_plan": _("Give plans to IBs"),
    "commissions.view_level": _("See ladders, levels of IBs and their evaluations"),
    "commissions.edit_ladder": _("Make ladders and publish their rules"),
    "commissions.approve_level": _("Decide on promotions and demotions"),
    "commissions.place_ib": _("Put an IB on a level"),
    "commissions.exclude_ib": _("Keep the exclusion list of levels"),
    "commissions.evaluate_levels": _("Evaluate a period again"),
    "commissions.view_acceptance": _("See which terms IBs accepted, with the proof"),
    "commissions.view_rebate": _("See rebates and their explanation"),
    "commissions.view_statement": _("See statements and settlement terms"),
    "commissions.approve_statement": _("Approve statements to be paid"),
    "commissions.hold_statement": _("Put statements on hold and release them"),
    "commissions.edit_settlement_terms": _("Change how IBs are settled"),
    "commissions.edit_payout_limit": _("Say from which amount on a payout takes two people"),
    "commissions.simulate_plan": _("Replay own deals under a draft plan and see the result"),
    "commissions.view_correction": _("See corrections of judged deals and their previews"),
    "commissions.approve_correction": _("Decide on corrections that somebody else asked for"),
    "commissions.set_correction_limit": _("Say which corrections need no second person"),
}
