"""Published training sets, brought into one form: TFDS folders of array_record files, read without TensorFlow.

published files -> tables -> rows -> checks -> builder -> NAME/1.0.0/*.array_record -> source -> prompts
"""
