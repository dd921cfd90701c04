"""The policy: what each verb does with a volume's LUN and its device."""
